// The trainer of tests: no TensorFlow, the same bytes everywhere, durations by script. Each parameter has a
// hidden target; a client moves the weights towards it with an error of its own, so that loss and accuracy
// improve as in real training.
import { setTimeout as sleep } from "node:timers/promises";
import { FlError } from "../../core/errors.ts";
import { methodState } from "../../core/methods/training/clientState.ts";
import { besideShape, zerosOf } from "../../core/methods/training/methodTensors.ts";
import { hooksOf } from "../../core/methods/training/trainingOf.ts";
import { sequenceShapes } from "../../core/models/parameterShapes.ts";
import type { EvaluateTask, Trainer, TrainTask } from "../../core/ports/trainer.ts";
import { type Random, randomFrom } from "../../core/random.ts";
import type { LayersTopology } from "../../core/schemas/model.ts";
import { type ModelShape, orderWeights, type Weight, type Weights } from "../../core/updates/weights.ts";

export interface TestTrainerOptions {
  /** How long an invocation trains. Default: no time at all. */
  readonly durationMs?: (clientId: string, seed: number) => number;
  /** Passes the time; a simulation passes its own. */
  readonly sleep?: (ms: number) => Promise<void>;
  readonly nowMs?: () => number;
}

/** Share of the way to the target that one whole local training goes. */
const rate = 0.3;
/** Half the width of a client's own error. */
const errorWidth = 0.05;
/** After this many values of a parameter, its draws come again. */
const PERIOD = 4_096;

/**
 * The update is a function of the base weights, the client, the seed and the share of steps done. Models are
 * those of `sequenceShapes`; what the samples hold makes no difference.
 */
export function createTestTrainer(options: TestTrainerOptions = {}): Trainer {
  const { durationMs = () => 0, nowMs = Date.now } = options;
  const pass = options.sleep ?? ((ms: number) => sleep(ms));
  const targetsOf = targetsByParameter();

  return {
    backend: "test",
    describe: async (topology) => shapesOf(topology),
    async train(task) {
      const { training, seed, clientId, data } = task;
      const base = orderWeights(
        task.weights,
        task.topology === undefined ? task.weights : shapesOf(task.topology),
      );
      const samples = countSamples(data);
      const plannedMs = durationMs(clientId, seed);
      const leftMs = task.deadlineMs === undefined ? Number.POSITIVE_INFINITY : task.deadlineMs - nowMs();
      const share = leftMs <= 0 ? 0 : Math.min(1, leftMs / plannedMs);
      const trainMs = Math.max(0, Math.min(plannedMs, leftMs));
      if (trainMs > 0) await pass(trainMs);

      const plannedSteps = training.localEpochs * Math.ceil(samples / training.batchSize);
      const steps = Math.min(Math.floor(plannedSteps * share), task.maxSteps ?? plannedSteps);
      const weights = base.map((weight) => trained(weight, targetsOf(weight), task, steps / plannedSteps));
      return {
        weights,
        state: methodState(task.state ?? null, hooksOf(training), base).map((weight) => ({
          ...weight,
          values: weight.values.map((value) => value + 1),
        })),
        beside: zerosOf(besideShape(training, base)).map((weight) => ({
          ...weight,
          values: weight.values.fill(steps / plannedSteps),
        })),
        steps,
        samples,
        lossBefore: lossOf(base, targetsOf),
        lossAfter: lossOf(weights, targetsOf),
        partial: steps < plannedSteps,
        timings: { buildMs: 0, trainMs, lossMs: 0 },
      };
    },
    async evaluate({ topology, weights, data, metrics = [] }: EvaluateTask) {
      const samples = countSamples(data);
      const loss = lossOf(orderWeights(weights, shapesOf(topology)), targetsOf);
      const accuracy = 1 / (1 + 10 * loss);
      const score = { precision: accuracy, recall: accuracy, f1: accuracy, auc: accuracy, support: samples };
      return {
        accuracy,
        loss,
        metrics: Object.fromEntries(metrics.map((name) => [name, accuracy])),
        details: metrics.length === 0 ? null : { classes: [score], confusion: null },
        samples,
      };
    },
  };
}

function shapesOf(topology: LayersTopology): ModelShape {
  const shapes = sequenceShapes(topology);
  if (shapes !== undefined) return shapes;
  throw new FlError("failed-precondition", "The test trainer knows only models like the built-in ones.");
}

function countSamples(data: TrainTask["data"]): number {
  const samples = data.x.shape[0] ?? 0;
  if (samples > 0 && data.y.shape[0] === samples) return samples;
  throw new FlError("invalid-argument", "The data set has no samples, or not one label for each.");
}

function trained(
  { name, shape, values }: Weight,
  targets: Float64Array,
  { seed, clientId }: TrainTask,
  share: number,
): Weight {
  const errors = draws(randomFrom(seed, clientId, "test-trainer", name), values.length);
  const moved = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += PERIOD) {
    const end = Math.min(start + PERIOD, values.length);
    for (let i = start; i < end; i++) {
      const goal = at(targets, i - start) + errorWidth * at(errors, i - start);
      const value = values[i] ?? 0;
      moved[i] = value + rate * share * (goal - value);
    }
  }
  return { name, shape, values: moved };
}

/** Mean squared distance to the targets. */
function lossOf(weights: Weights, targetsOf: (weight: Weight) => Float64Array): number {
  let [sum, count] = [0, 0];
  for (const weight of weights) {
    const { values } = weight;
    const targets = targetsOf(weight);
    for (let start = 0; start < values.length; start += PERIOD) {
      const end = Math.min(start + PERIOD, values.length);
      for (let i = start; i < end; i++) sum += ((values[i] ?? 0) - at(targets, i - start)) ** 2;
    }
    count += values.length;
  }
  return sum / count;
}

/** Gives the targets of a parameter, in [-1, 1); drawn once. */
function targetsByParameter(): (weight: Weight) => Float64Array {
  const known = new Map<string, Float64Array>();
  return ({ name, values }) => {
    const key = `${values.length} ${name}`;
    const targets = known.get(key) ?? draws(randomFrom("test-trainer target", name), values.length);
    known.set(key, targets);
    return targets;
  };
}

/** Numbers in [-1, 1), as many as there are values, but no more than a period: drawing is what costs here. */
function draws(random: Random, count: number): Float64Array {
  const drawn = new Float64Array(Math.min(count, PERIOD));
  for (let i = 0; i < drawn.length; i++) drawn[i] = 2 * random.next() - 1;
  return drawn;
}

function at(drawn: Float64Array, i: number): number {
  return drawn[i] ?? 0;
}
