// Follows a run: shows every change until what is waited for has come, it has failed, or a person has seen
// enough. An api that is away for a while ends nothing.
import { FlError } from "../../../shared/core/errors.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { Context } from "../frame/context.ts";
import { spanText } from "../frame/duration.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { NotYet } from "../frame/failures.ts";
import { PROGRAM } from "../frame/words.ts";
import { AWAY_MS, isAway } from "./away.ts";
import { type FailureKind, type Goal, type Verdict, verdictOf } from "./goal.ts";
import { runReader } from "./runReader.ts";
import { type Seen, watchView } from "./watchView.ts";

export interface WatchOptions {
  readonly goal: Goal;
  readonly failOn: readonly FailureKind[];
  /** How often the api is asked; undefined: every 2 s while something changes, and then less often. */
  readonly intervalMs: number | undefined;
}

const SHORTEST_MS = 2_000;
const LONGEST_MS = 15_000;
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

function closingText({ status, statusReason, accuracy, totals }: Run): string {
  const facts = [
    ...(accuracy === null ? [] : [`accuracy ${accuracy.toFixed(3)}`]),
    `${totals.costUsd.toFixed(5)} USD`,
    ...(statusReason === null ? [] : [statusReason.replace(/\.$/, "")]),
  ];
  return `The run is ${status}: ${facts.join(", ")}.`;
}
