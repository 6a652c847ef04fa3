// Every bench, in the order in which they run. A new one is a file in benches/ and a row here.
import type { Bench } from "./bench.ts";
import { aggregationMemory } from "./benches/aggregationMemory.ts";
import { coldStart } from "./benches/coldStart.ts";
import { commandLine } from "./benches/commandLine.ts";
import { estimate } from "./benches/estimate.ts";
import { firstStep } from "./benches/firstStep.ts";
import { fleet } from "./benches/fleet.ts";
import { fold } from "./benches/fold.ts";
import { job } from "./benches/job.ts";
import { manyRounds } from "./benches/manyRounds.ts";
import { safetensors } from "./benches/safetensors.ts";
import { selection } from "./benches/selection.ts";
import { simulation } from "./benches/simulation.ts";
import { soak } from "./benches/soak.ts";
import { trainingStep } from "./benches/trainingStep.ts";
import { warmRound } from "./benches/warmRound.ts";

export const benches: readonly Bench[] = [
  fold,
  safetensors,
  selection,
  simulation,
  estimate,
  trainingStep,
  job,
  coldStart,
  firstStep,
  commandLine,
  warmRound,
  manyRounds,
  aggregationMemory,
  fleet,
  soak,
];
