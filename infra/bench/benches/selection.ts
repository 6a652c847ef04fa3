// Choosing a cohort: FedLesScan over fleets of 5,000, 20,000 and 100,000 clients that it knows, reasons
// included.

import { strategyOf } from "../../../shared/core/methods/selection/index.ts";
import { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import type { RosterEntry } from "../../../shared/core/methods/selection/strategy.ts";
import { type Random, randomFrom } from "../../../shared/core/random.ts";
import type { Bench, Figure } from "../bench.ts";
import { medianMs } from "../timing.ts";

const FLEETS = [
  { clients: 5_000, seconds: 0.1 },
  { clients: 20_000, seconds: 0.4 },
  { clients: 100_000, seconds: 2 },
];
const COHORT = 200;
const ROUND = 21;
const REPEATS = 3;

export const selection: Bench = {
  name: "selection",
  about: "choose 200 of 5,000, 20,000 and 100,000 clients by FedLesScan",
  run: async ({ show, signal }) => {
    const figures: Figure[] = [];
    for (const { clients, seconds } of FLEETS) {
      signal.throwIfAborted();
      show(`${clients} clients`);
      figures.push({
        name: `fedlesscan, ${clients} clients`,
        value: await medianSeconds(clients),
        unit: "s",
        aim: { most: seconds },
      });
    }
    return figures;
  },
};

async function medianSeconds(count: number): Promise<number> {
  const random = randomFrom("bench", count);
  const clients = Array.from({ length: count }, (_, i) => knownClient(i, random));
  const options = SelectionOptions.parse({ strategy: "fedlesscan", cohortSize: COHORT });
  const state = { clusteringSince: 3 };
  const input = { round: ROUND, totalRounds: 60, state, cohortSize: COHORT, clients, options };
  const work = {
    select: () => void strategyOf(options).select({ ...input, nowMs: 0 }, randomFrom("selection")),
  };
  return (await medianMs(work, REPEATS)).select / 1_000;
}

/** A third of them slow, a fifth with misses, as far apart as real machines are. */
function knownClient(index: number, random: Random): RosterEntry {
  const usualMs = (random.next() < 0.3 ? 45_000 : 12_000) * Math.exp(0.25 * random.normal());
  const finished = 1 + random.int(8);
  const missedRounds = random.next() < 0.2 ? [1 + random.int(5), 6 + random.int(14)] : [];
  return {
    clientId: `c${String(index).padStart(6, "0")}`,
    trainMsHistory: Array.from({ length: finished }, () => usualMs * (1 + 0.1 * random.next())),
    missedRounds,
    cooldownRounds: 0,
    invocations: finished + missedRounds.length,
    lastSelectedRound: ROUND - 1,
    busyUntilMs: null,
  };
}
