// The sweep of an ended run, step by step.
import { priceTables } from "../../../../shared/core/cost/prices.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import type { Command } from "../../../../shared/core/protocol/commands.ts";
import { settle } from "../../../../shared/core/round/settle.ts";
import {
  atWorkUntil,
  hasEnded,
  isLeftBehind,
  linksUntil,
  scoreAwaitedUntil,
} from "../../../../shared/core/round/sweep.ts";
import { expectedScores } from "../../../../shared/core/round/watch.ts";
import type { Context, Work } from "./aggregator.ts";

const prices = priceTables["cloud-run-2026"];

/**
 * @throws FlError("unavailable") while the last round is not followed up and while a version awaits its
 *   score; what is missing was asked for by then.
 */
export function* sweep(
  pass: number,
  { state, decide, nowMs }: Context,
  askMissing: (commands: readonly Command[]) => void,
): Work {
  const { run } = state;
  const { runId } = run;
  if (!hasEnded(run)) return [];
  const rounds = [...state.rounds.values()].filter((round) => isLeftBehind(run, round, nowMs())).toReversed();
  const [last] = rounds;
  if (last !== undefined && last.status !== "cancelled" && !last.followedUp) {
    askMissing([{ kind: "aggregate", runId, round: last.round }]);
    throw new FlError("unavailable", "not followed up yet");
  }
  let untilMs: number | null = null;
  let linksMs: number | null = null;
  for (const round of rounds) {
    for (const invocation of state.invocationsOf(round)) {
      const owes = () => settle(state.run, state.round(round.round), invocation, nowMs(), prices) !== null;
      if (decide.sweepInvocation(run, invocation, nowMs()) !== null || owes()) {
        yield "sweep-invocation";
        const now = state.invocation(invocation.round, invocation.clientId);
        const ended = decide.sweepInvocation(run, now, nowMs());
        const settled = settle(state.run, state.round(round.round), ended ?? now, nowMs(), prices);
        if (settled !== null) {
          state.setRun(settled.run);
          state.setRound(settled.round);
        }
        const swept = settled?.invocation ?? ended;
        if (swept !== null) state.setInvocation(swept);
      }
      const until = atWorkUntil(invocation, nowMs());
      if (until !== null) untilMs = Math.max(untilMs ?? 0, until);
      const links = linksUntil(invocation, nowMs());
      if (links !== null) linksMs = Math.max(linksMs ?? 0, links);
    }
  }
  yield "remove-update";
  state.removeUpdates(() => true);
  const lookLast = function* (): Work {
    if (linksMs === null) return [];
    yield "finish-sweep";
    return [{ kind: "sweep", runId, pass: pass + 1, atMs: linksMs }];
  };
  if (run.swept) return yield* lookLast();
  if (untilMs === null) {
    const unscored = [...state.rounds.values()].filter(
      ({ status, loss }) => status === "closed" && loss === null,
    );
    const awaited = expectedScores(run, unscored);
    untilMs = awaited.length === 0 ? null : scoreAwaitedUntil(run, pass, nowMs());
    if (untilMs !== null) askMissing(awaited);
  }
  yield "finish-sweep";
  if (untilMs !== null) return [{ kind: "sweep", runId, pass: pass + 1, atMs: untilMs }];
  state.setRun(decide.swept(state.run, nowMs()));
  return yield* lookLast();
}
