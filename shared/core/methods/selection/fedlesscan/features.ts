// What FedLesScan knows a participant by: how long it takes, and how much its misses count against it. Both
// in ms.
import { expectedColdStart } from "../coldStart.ts";
import { movingAverage } from "../movingAverage.ts";
import type { RosterEntry } from "../strategy.ts";
import type { FedlesscanOptions } from "./options.ts";

export interface Features {
  /** The expected duration of its next invocation; 0 where none has finished. */
  readonly predictedMs: number;
  /** missPenalty × the longest duration of any participant × how recent its misses are, in (0, 1]. */
  readonly penaltyMs: number;
}

/** The features of each participant, in its order. @param round from 1: the one to choose for. */
export function featuresOf(
  participants: readonly RosterEntry[],
  round: number,
  nowMs: number,
  options: FedlesscanOptions,
): readonly Features[] {
  const longestMs = participants.reduce(
    (longest, { trainMsHistory }) => trainMsHistory.reduce((most, ms) => Math.max(most, ms), longest),
    0,
  );
  const coldStartMs = options.paperFaithful ? () => 0 : expectedColdStart(participants, nowMs, options);
  return participants.map((client) => {
    // The published (r + 1) / t with rounds counted from 0; from 1 it is r / (t - 1).
    const recency = client.missedRounds.map((missed) => Math.min(1, missed / Math.max(1, round - 1)));
    return {
      predictedMs: movingAverage(client.trainMsHistory, options.timeSmoothing) + coldStartMs(client),
      penaltyMs: options.missPenalty * longestMs * movingAverage(recency, options.missSmoothing),
    };
  });
}
