// Simulating without training: a published set-up in this process, and a million clients in one of its own
// for its memory.
import * as z from "zod";
import { type Cell, simulateCell } from "../../sim/cell.ts";
import { loadSource } from "../../sim/source.ts";
import { measuredAlone } from "../alone.ts";
import type { Bench } from "../bench.ts";
import { medianMs } from "../timing.ts";

const REPEATS = 3;
const STRAGGLERS = 0.3;
const GIB = 2 ** 30;

const Measured = z.strictObject({ seconds: z.number(), peakRssBytes: z.number() });

export const simulation: Bench = {
  name: "simulation",
  about:
    "simulate 542 clients over 60 rounds, and a million over 100 rounds of 1,000, by FedLesScan without training",
  run: async ({ show, signal }) => {
    const speech = await simulatedCell("paper/speech");
    const { speech: ms } = await medianMs({ speech: async () => void (await simulateCell(speech)) }, REPEATS);
    show("a million clients");
    const alone = new URL("./simulationAlone.ts", import.meta.url);
    const million = await measuredAlone(alone, ["million"], Measured, { signal });
    return [
      { name: "542 clients, 60 rounds of 200", value: ms / 1_000, unit: "s", aim: { most: 1 } },
      { name: "1,000,000 clients, 100 rounds of 1,000", value: million.seconds, unit: "s" },
      { name: "peak memory of that", value: million.peakRssBytes / GIB, unit: "GiB", aim: { most: 2 } },
    ];
  },
};

/** The platform's default on a scenario. */
export async function simulatedCell(scenario: string): Promise<Cell> {
  const source = await loadSource(scenario);
  const { accounting } = source;
  return {
    source,
    accounting,
    strategy: "fedlesscan",
    paperFaithful: false,
    stragglers: STRAGGLERS,
    seed: 1,
    train: "off",
    spec: {},
  };
}
