// Simulates a run of a test's own scenario, learner and population, and keeps what came of it.
import { type Learner, noLearner } from "../../infra/sim/engine/learner.ts";
import { simulateRun } from "../../infra/sim/engine/simulateRun.ts";
import type { ClosedRound } from "../../infra/sim/engine/world.ts";
import { drawPopulation } from "../../infra/sim/population/drawPopulation.ts";
import type { Population } from "../../infra/sim/population/population.ts";
import { runSpecOf } from "../../infra/sim/scenario/runSpec.ts";
import type { Scenario } from "../../infra/sim/scenario/scenario.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import type { Run } from "../../shared/core/schemas/run.ts";

export interface Simulated {
  readonly run: Run;
  readonly rounds: readonly ClosedRound[];
  /** Accuracy of each round's version, and when the round was closed, in ms of the simulation. */
  readonly scores: readonly { readonly round: number; readonly accuracy: number }[];
  /** How often each client was invoked, by ascending id. */
  readonly invocations: readonly number[];
}

export interface Simulation {
  readonly scenario: Scenario;
  readonly strategy: string;
  readonly seed: number;
  /** Share of clients that straggle. */
  readonly level?: number;
  /** Laid over the run's spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly learner?: Learner;
  readonly population?: (drawn: Population) => Population;
}

export async function simulated(of: Simulation): Promise<Simulated> {
  const { scenario, strategy, seed, level = 0 } = of;
  const drawn = drawPopulation(scenario, level, seed);
  const population = of.population?.(drawn) ?? drawn;
  const rounds: ClosedRound[] = [];
  const scores: { round: number; accuracy: number }[] = [];
  const { run, invocations } = await simulateRun({
    spec: runSpecOf(scenario, { strategy, paperFaithful: false, level, seed }, of.spec ?? {}),
    population,
    learner: of.learner ?? noLearner(population.samples),
    prices: priceTables["cloud-run-2026"],
    workFactor: 1,
    ignoresBusy: false,
    onRound: (closed) => rounds.push(closed),
    onScore: (round, accuracy) => scores.push({ round, accuracy }),
  });
  return { run, rounds, scores, invocations };
}
