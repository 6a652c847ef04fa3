// How much each client of a cohort is to train: as many epochs as it should manage in the time, or for the
// money, that the run has for an invocation. Any strategy chooses the cohort, and any method trains.
import { invocationCost } from "../cost/cost.ts";
import type { PriceTable } from "../cost/prices.ts";
import { isIdle } from "../methods/selection/coldStart.ts";
import { movingAverage } from "../methods/selection/movingAverage.ts";
import type { RosterEntry } from "../methods/selection/strategy.ts";
import { pooledPace, predictedWorkMs } from "../methods/training/pace.ts";
import type { Capacity } from "../schemas/client.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { Pace } from "../schemas/pace.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";

export type SizedEntry = Pick<RosterEntry, "clientId"> &
  Partial<Pick<RosterEntry, "pace" | "coldStartMsHistory" | "lastSeenMs">>;

/** After so long without a report a client starts cold; weight of its newest start in their average. */
const [IDLE_SECONDS, NEWEST] = [300, 0.5];

/** The epochs of a client, from 1 to the spec's `training.localEpochs`. */
type SizeOf = (clientId: string, capacity: Capacity) => number;

/**
 * Null where the run does not size work.
 *
 * @param roster of every client: what is known of some speaks for the others.
 */
export function workSizes(
  { round, training }: Pick<StoredRunSpec, "round" | "training">,
  roster: readonly SizedEntry[],
  prices: PriceTable,
  nowMs: number,
): SizeOf | null {
  const { sizing } = round;
  if (sizing === undefined) return null;
  const byId = new Map(roster.map((entry) => [entry.clientId, entry]));
  const pooled = pooledPace(roster.flatMap(({ pace }) => pace ?? []));
  const limitMs = 1_000 * round.deadlineSeconds * sizing.withinShare;
  return (clientId, capacity) => {
    const entry = byId.get(clientId);
    const pace: Pick<Pace, "fixedMs" | "epochMs"> | undefined = entry?.pace ?? pooled;
    if (pace === undefined) return training.localEpochs;
    const startMs = entry === undefined ? 0 : coldStartMs(entry, nowMs);
    const fits = (epochs: number): boolean => {
      const durationMs = startMs + predictedWorkMs(pace, epochs);
      if (durationMs > limitMs) return false;
      return (
        sizing.maxUsd === undefined || invocationCost({ ...capacity, durationMs }, prices) <= sizing.maxUsd
      );
    };
    let epochs = training.localEpochs;
    while (epochs > 1 && !fits(epochs)) epochs -= 1;
    return epochs;
  };
}

function coldStartMs(
  { clientId, coldStartMsHistory = [], lastSeenMs = null }: SizedEntry,
  nowMs: number,
): number {
  const seen = { clientId, lastSeenMs } as RosterEntry;
  return isIdle(seen, nowMs, IDLE_SECONDS) ? movingAverage(coldStartMsHistory, NEWEST) : 0;
}

/** What an invocation is granted of the run's training. */
export function grantedTraining<T extends { readonly localEpochs: number }>(
  training: T,
  { work }: Pick<Invocation, "work">,
): T {
  return work === undefined ? training : { ...training, localEpochs: work.localEpochs };
}
