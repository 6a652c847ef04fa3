// How long calls wait before a client's function takes them: a cohort larger than the instances that train
// for it comes in turns, which no client's own time shows.
import type { Invocation } from "../schemas/invocation.ts";
import type { Run } from "../schemas/run.ts";
import { atQuantile } from "./deadline.ts";

/**
 * What is kept of the last estimate where a round shows less: those that waited longest may not have reported
 * when it closed.
 */
const KEPT = 0.5;

/**
 * The wait to expect in the next round, in ms; undefined where no deadline depends on it. What clients tell
 * counts no longer than from their invitation to their claim.
 *
 * @param invocations of the round that is over, and late ones of earlier rounds
 */
export function expectedQueueWaitMs(run: Run, invocations: readonly Invocation[]): number | undefined {
  const { deadline } = run.spec.round;
  if (deadline?.kind !== "adaptive") return undefined;
  const waits = invocations.flatMap(({ timings, invokedAt, claimedAt }) =>
    timings === null || claimedAt === null
      ? []
      : [Math.min(timings.queueWaitMs, Math.max(0, claimedAt - invokedAt))],
  );
  const seen = atQuantile(waits, deadline.quantile) ?? 0;
  return Math.round(Math.max(seen, (run.queueWaitMs ?? 0) * KEPT));
}
