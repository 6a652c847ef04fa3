// Simulating without training: a published set-up in this process, and a million clients in one of its own for its memory.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { type Cell, simulateCell } from "../../sim/cell.ts";
import { loadSource } from "../../sim/source.ts";
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
  run: async ({ tell, signal }) => {
    const speech = await simulatedCell("paper/speech");
    const { speech: ms } = await medianMs({ speech: async () => void (await simulateCell(speech)) }, REPEATS);
    tell("a million clients");
    const million = await measuredAlone("million", signal);
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

async function measuredAlone(scenario: string, signal: AbortSignal): Promise<z.infer<typeof Measured>> {
  const alone = fork(fileURLToPath(new URL("./simulationAlone.ts", import.meta.url)), [scenario], { signal });
  const ended = once(alone, "exit").then(([code]): never => {
    throw new FlError("internal", `The simulation of ${scenario} ended with code ${code}.`);
  });
  const [message] = await Promise.race([once(alone, "message"), ended]);
  return Measured.parse(message);
}
