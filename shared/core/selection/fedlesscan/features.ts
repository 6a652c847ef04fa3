// What FedLesScan knows a participant by: how long it takes, and how much its misses count against it. Both in ms.
import type { RosterEntry } from "../strategy.ts";
import type { FedlesscanOptions } from "./options.ts";

export interface Features {
  /** The expected duration of its next invocation; 0 where none has finished. */
  readonly predictedMs: number;
  /** missPenalty × the longest duration of any participant × how recent its misses are, in (0, 1]. */
  readonly penaltyMs: number;
}

/** The exponential moving average, oldest value first and taken as the start; 0 of none. */
export function movingAverage(values: readonly number[], weightOfNewest: number): number {
  let average = values[0] ?? 0;
  for (let i = 1; i < values.length; i++) {
    average = (1 - weightOfNewest) * average + weightOfNewest * (values[i] as number);
  }
  return average;
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

/** A client gone idle starts cold: as long as it used to take, or where it never told, as the others take on average. */
export function expectedColdStart(
  clients: readonly RosterEntry[],
  nowMs: number,
  { timeSmoothing, idleSeconds }: FedlesscanOptions,
): (client: RosterEntry) => number {
  const told = clients
    .flatMap(({ coldStartMsHistory = [] }) => (coldStartMsHistory.length > 0 ? [coldStartMsHistory] : []))
    .map((history) => movingAverage(history, timeSmoothing));
  const usualMs = told.length === 0 ? 0 : told.reduce((sum, ms) => sum + ms, 0) / told.length;
  return ({ coldStartMsHistory = [], lastSeenMs = null }) => {
    if (lastSeenMs !== null && nowMs - lastSeenMs < idleSeconds * 1_000) return 0;
    return coldStartMsHistory.length === 0 ? usualMs : movingAverage(coldStartMsHistory, timeSmoothing);
  };
}
