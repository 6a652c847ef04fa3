// Simulating without training: a published set-up in this process, and large fleets in processes of their own
// for their memory.
import * as z from "zod";
import { type Cell, simulateCell } from "../../sim/cell.ts";
import { loadSource } from "../../sim/source.ts";
import { measuredAlone } from "../alone.ts";
import type { Bench, Figure } from "../bench.ts";
import { medianMs } from "../timing.ts";

const REPEATS = 3;
const STRAGGLERS = 0.3;
const GIB = 2 ** 30;

const Measured = z.strictObject({ seconds: z.number(), peakRssBytes: z.number() });

export const simulation: Bench = {
  name: "simulation",
  about:
    "simulate 542 clients, 100,000 by FedLesScan and by FedBuff, and a million, 1,000 at a time, without training",
  run: async ({ show, signal }) => {
    const speech = await simulatedCell({ scenario: "paper/speech" });
    const { speech: ms } = await medianMs({ speech: async () => void (await simulateCell(speech)) }, REPEATS);
    const figures: Figure[] = [
      { name: "542 clients, 60 rounds of 200", value: ms / 1_000, unit: "s", aim: { most: 1 } },
    ];
    const alone = new URL("./simulationAlone.ts", import.meta.url);
    for (const { name, most, ...fleet } of fleets) {
      show(name);
      const { seconds, peakRssBytes } = await measuredAlone(alone, [JSON.stringify(fleet)], Measured, {
        signal,
      });
      figures.push(
        { name, value: seconds, unit: "s" },
        {
          name: "  its peak memory",
          value: peakRssBytes / GIB,
          unit: "GiB",
          ...(most === undefined ? {} : { aim: { most } }),
        },
      );
    }
    return figures;
  },
};

/** A scenario, perhaps with another number of clients, under a strategy and what is laid over its spec. */
export interface Fleet {
  readonly scenario: string;
  readonly clients?: number;
  readonly strategy?: string;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** By FedBuff a thousand clients are at work, and every 500 updates make a version: as many in all. */
const buffered = {
  round: { buffer: { size: 500 } },
  aggregation: { strategy: "fedbuff", staleness: { weight: "polynomial", maxRounds: 50 } },
  stop: { rounds: 200 },
};

const fleets: readonly (Fleet & { readonly name: string; readonly most?: number })[] = [
  { name: "100,000 clients, 100 rounds of 1,000, FedLesScan", scenario: "million", clients: 100_000 },
  {
    name: "100,000 clients, 1,000 at work, FedBuff",
    scenario: "million",
    clients: 100_000,
    strategy: "random",
    spec: buffered,
  },
  { name: "1,000,000 clients, 100 rounds of 1,000, FedLesScan", scenario: "million", most: 2 },
];

/** The platform's default, unless another strategy is named. */
export async function simulatedCell({
  scenario,
  clients,
  strategy = "fedlesscan",
  spec = {},
}: Fleet): Promise<Cell> {
  const loaded = await loadSource(scenario);
  const source =
    clients === undefined || loaded.kind === "recorded"
      ? loaded
      : { ...loaded, scenario: { ...loaded.scenario, clients } };
  const { accounting } = source;
  return {
    source,
    accounting,
    strategy,
    paperFaithful: false,
    stragglers: STRAGGLERS,
    seed: 1,
    train: "off",
    spec,
  };
}
