// How long a client's next invocation should take: its work so far, and a cold start where it has gone idle.
import { type ColdStartOptions, expectedColdStart } from "./coldStart.ts";
import { movingAverage } from "./movingAverage.ts";
import type { RosterEntry } from "./strategy.ts";

/** The average of the work that a client has finished, in ms; null where it has finished none. */
export function averageWorkMs({ trainMsHistory }: RosterEntry, timeSmoothing: number): number | null {
  return trainMsHistory.length === 0 ? null : movingAverage(trainMsHistory, timeSmoothing);
}

/** In ms; null for a client that has finished nothing. */
export function durationPredictor(
  clients: readonly RosterEntry[],
  nowMs: number,
  options: ColdStartOptions,
): (client: RosterEntry) => number | null {
  const coldStartMs = expectedColdStart(clients, nowMs, options);
  return (client) => {
    const workMs = averageWorkMs(client, options.timeSmoothing);
    return workMs === null ? null : workMs + coldStartMs(client);
  };
}
