// How long a client should take to start, from the cold starts that it and others reported.
import { movingAverage } from "./movingAverage.ts";
import type { RosterEntry } from "./strategy.ts";

export interface ColdStartOptions {
  /** Weight of the newest cold start in a client's average, in (0, 1]. */
  readonly timeSmoothing: number;
  /** From so long after its last report on a client starts cold. */
  readonly idleSeconds: number;
}

/** Whether a client starts cold: it has not been heard of for so long, or never. */
export function isIdle({ lastSeenMs = null }: RosterEntry, nowMs: number, idleSeconds: number): boolean {
  return lastSeenMs === null || nowMs - lastSeenMs >= idleSeconds * 1_000;
}

/**
 * A client gone idle starts cold. Its start takes as long as it used to, or where it never reported one, as
 * long as the others' starts on average.
 */
export function expectedColdStart(
  clients: readonly RosterEntry[],
  nowMs: number,
  { timeSmoothing, idleSeconds }: ColdStartOptions,
): (client: RosterEntry) => number {
  const averagesMs = clients
    .flatMap(({ coldStartMsHistory = [] }) => (coldStartMsHistory.length > 0 ? [coldStartMsHistory] : []))
    .map((history) => movingAverage(history, timeSmoothing));
  const usualMs =
    averagesMs.length === 0 ? 0 : averagesMs.reduce((sum, ms) => sum + ms, 0) / averagesMs.length;
  return (client) => {
    const { coldStartMsHistory = [] } = client;
    if (!isIdle(client, nowMs, idleSeconds)) return 0;
    return coldStartMsHistory.length === 0 ? usualMs : movingAverage(coldStartMsHistory, timeSmoothing);
  };
}
