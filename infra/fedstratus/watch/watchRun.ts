// Follows a run: shows every change until what is waited for has come, it has failed, or a person has seen
// enough. An api that is away for a while ends nothing.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { InvocationFigures, RoundFigures } from "../../../shared/core/schemas/figures.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { snapshotOf } from "../../cli/view/roundSnapshot.ts";
import type { Api, Read } from "../frame/api.ts";
import type { Context } from "../frame/context.ts";
import { spanText } from "../frame/duration.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { NotYet } from "../frame/failures.ts";
import { PROGRAM } from "../frame/words.ts";
import { type FailureKind, type Goal, type Verdict, verdictOf } from "./goal.ts";
import { type Seen, watchView } from "./watchView.ts";

export interface WatchOptions {
  readonly goal: Goal;
  readonly failOn: readonly FailureKind[];
  /** How often the api is asked; undefined: every 2 s while something changes, and then less often. */
  readonly intervalMs: number | undefined;
}

const SHORTEST_MS = 2_000;
const LONGEST_MS = 15_000;
/** For so long, nothing is said to be wrong with an api that is away. */
const AWAY_MS = 10 * 60_000;
/** A score that has not come after so long is not waited for. */
const SCORE_MS = 60_000;

/** @throws NotYet after `--timeout`; FlError where the run has failed, or the api stays away */
export async function watchRun(
  runId: string,
  options: WatchOptions,
  context: Context,
): Promise<ExitName | undefined> {
  const { io, out } = context;
  const api = await context.api();
  const view = watchView(context);
  const reader = runReader(runId, api);
  const stopped = io.interruption();
  const limitMs = context.options.timeoutMs;
  const beganMs = io.nowMs();
  let awaySinceMs: number | undefined;
  let scoringSinceMs: number | undefined;
  let pauseMs = options.intervalMs ?? SHORTEST_MS;
  let last: Seen | undefined;
  const end = (reason: string) => {
    view.end();
    if (out.isJson) out.event({ type: "end", reason, run: last?.run.json ?? null }, null);
  };
  try {
    while (!stopped.signal.aborted) {
      const seen = await reader.read(io.nowMs()).catch((error: unknown) => {
        if (!isAway(error)) throw error;
        awaySinceMs ??= io.nowMs();
        if (io.nowMs() - awaySinceMs >= AWAY_MS) throw error;
        return null;
      });
      if (seen === null) view.note("The api is away. The run goes on meanwhile; asking again.", "away");
      else {
        if (awaySinceMs !== undefined) view.note("The api is back.", "back");
        awaySinceMs = undefined;
        last = seen;
        view.show(seen);
        const verdict = verdictNow(seen);
        if (verdict.kind === "met") {
          end("met");
          if (!out.isJson) out.say(closingText(seen.run.value));
          return undefined;
        }
        if (verdict.kind === "failed") {
          end("failed");
          throw new FlError("failed-precondition", verdict.why);
        }
      }
      if (limitMs !== undefined && io.nowMs() - beganMs >= limitMs) {
        end("timeout");
        const status = last === undefined ? "not known" : last.run.value.status;
        throw new NotYet(
          `After ${spanText(limitMs / 1_000)}, what was waited for has not come: run ${runId} is ${status}.`,
        );
      }
      pauseMs =
        options.intervalMs ?? (seen?.isNews === true ? SHORTEST_MS : Math.min(pauseMs * 1.5, LONGEST_MS));
      const leftMs = limitMs === undefined ? pauseMs : beganMs + limitMs - io.nowMs();
      await io.sleep(Math.max(0, Math.min(pauseMs, leftMs)), stopped.signal);
    }
    end("interrupted");
    if (!out.isJson)
      io.stderr.write(`The run goes on. Come back to it with: ${PROGRAM} run watch ${runId}\n`);
    return stopped.exitCode() === 130 ? "interrupted" : "terminated";
  } catch (error) {
    view.end();
    throw error;
  } finally {
    stopped.dispose();
  }

  function verdictNow({ run, rounds }: Seen): Verdict {
    const verdict = verdictOf(
      options.goal,
      options.failOn,
      run.value,
      rounds.map(({ value }) => value),
    );
    if (verdict.kind !== "scoring") return verdict;
    scoringSinceMs ??= io.nowMs();
    const isLong = io.nowMs() - scoringSinceMs >= SCORE_MS;
    return isLong && options.goal.kind === "completed" ? { kind: "met" } : verdict;
  }
}

function isAway(error: unknown): boolean {
  return error instanceof FlError && (error.code === "unavailable" || error.code === "internal");
}

function closingText({ status, statusReason, accuracy, totals }: Run): string {
  const facts = [
    ...(accuracy === null ? [] : [`accuracy ${accuracy.toFixed(3)}`]),
    `${totals.costUsd.toFixed(5)} USD`,
    ...(statusReason === null ? [] : [statusReason.replace(/\.$/, "")]),
  ];
  return `The run is ${status}: ${facts.join(", ")}.`;
}

/** What this program reads of the api's answer. */
const Live = z.object({
  cursor: z.string(),
  run: z.unknown(),
  rounds: z.array(z.unknown()),
  invocations: z.array(InvocationFigures),
});

/** Rounds that are read one by one where a look came too late for the api to tell of them. */
const MAX_MISSED = 200;

/** Reads what has changed, a call each time; the rounds before the watch began are left alone. */
function runReader(runId: string, api: Api) {
  const rounds = new Map<number, Read<RoundFigures>>();
  const invocations = new Map<string, InvocationFigures>();
  let run: Read<Run> | undefined;
  let cursor: string | undefined;
  return {
    read: async (nowMs: number): Promise<Seen> => {
      const path = `/v1/runs/${runId}/live`;
      const { value } = await api.call({ method: "GET", path, query: { since: cursor } }, Live);
      const isFirst = run === undefined;
      if (value.run !== null) run = api.read(value.run, Run, path);
      if (run === undefined) throw new FlError("failed-precondition", `${path} answered without the run.`);
      const now = run.value.round;
      const told = value.rounds.map((json) => api.read(json, RoundFigures, path));
      // Of those that were over when the watch began, only the last one is shown.
      const news = told.filter(({ value: { round } }) => !isFirst || round >= Math.max(1, now));
      for (const round of [...(isFirst ? [] : await missedRounds(now, news)), ...news]) {
        rounds.set(round.value.round, round);
      }
      for (const one of value.invocations) invocations.set(`${one.round} ${one.clientId}`, one);
      cursor = value.cursor;
      const all = [...rounds.values()].toSorted((a, b) => a.value.round - b.value.round);
      const ofRound = Map.groupBy(invocations.values(), ({ round }) => round);
      return {
        run,
        rounds: all,
        snapshots: all.map(({ value: round }) => snapshotOf(round, ofRound.get(round.round) ?? [], nowMs)),
        isNews: value.run !== null || value.rounds.length > 0 || value.invocations.length > 0,
      };
    },
  };

  /** Rounds between the last that is known and the first of the news, of which the api tells no more. */
  async function missedRounds(
    now: number,
    news: readonly Read<RoundFigures>[],
  ): Promise<readonly Read<RoundFigures>[]> {
    const last = Math.max(0, ...rounds.keys());
    const known = new Set(news.map(({ value }) => value.round));
    const missed = Array.from({ length: Math.max(0, now - last) }, (_, i) => last + 1 + i)
      .filter((round) => !known.has(round))
      .slice(-MAX_MISSED);
    return Promise.all(
      missed.map((round) =>
        api.call({ method: "GET", path: `/v1/runs/${runId}/rounds/${round}` }, RoundFigures),
      ),
    );
  }
}
