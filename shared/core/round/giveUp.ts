// What ends although it cannot be done: a fold that ends its process each time, a step that the database
// refuses for good. The reason stands on the run, and nothing of it is tried for ever.
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { pauseForClients } from "./open.ts";
import type { Publication } from "./publish.ts";

/**
 * Folds of one round that may begin without an end that anybody heard of; each may take minutes and all the
 * memory there is.
 */
export const MAX_FOLD_ATTEMPTS = 5;

/** Room for the reason that an operator reads. */
const REASON_LENGTH = 2_000;

/** The round with one more fold begun. */
export function foldBegun(round: Round): Round {
  return round.status === "aggregating" ? { ...round, foldAttempts: (round.foldAttempts ?? 0) + 1 } : round;
}

/** The round with a fold taken back that failed with an error of its own: another try may do better. */
export function foldFailed(round: Round): Round {
  const begun = round.foldAttempts ?? 0;
  return round.status === "aggregating" && begun > 0 ? { ...round, foldAttempts: begun - 1 } : round;
}

/** Why the round is not folded again, or null while it may be. @param round with this fold begun. */
export function foldsExhausted({ round, foldAttempts = 0 }: Round, memoryMib: number): string | null {
  if (foldAttempts <= MAX_FOLD_ATTEMPTS) return null;
  return (
    `Round ${round} cannot be folded: the aggregator's process ended ${MAX_FOLD_ATTEMPTS} times while folding it, which happens ` +
    `when it runs out of memory (it has ${memoryMib} MiB) or time. Give it more, then resume: the updates are kept for the next round.`
  );
}

/** A publication without a new version after which the run waits for an operator. */
export function gaveUpFolding(published: Publication, reason: string, nowMs: number): Publication {
  return {
    ...published,
    run: pauseForClients(published.run, reason.slice(0, REASON_LENGTH).toWellFormed(), nowMs),
    commands: [],
  };
}

/**
 * The run whose next step is refused for good, whatever is done: it has failed, and nothing of it is asked
 * for again.
 */
export function failedForGood(run: Run, reason: string, nowMs: number): Run {
  if (run.status === "completed" || run.status === "cancelled" || run.status === "failed") return run;
  return {
    ...run,
    status: "failed",
    statusReason: reason.slice(0, REASON_LENGTH).toWellFormed(),
    openRequest: { ...run.openRequest, pending: false },
    endedAt: nowMs,
    swept: true,
    updatedAt: nowMs,
  };
}
