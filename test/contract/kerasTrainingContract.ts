// Losses and optimizers against what Keras computes (test/vectors/keras/training.json): the value of a loss,
// and the weights after some steps.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import { shortTopology } from "../../shared/core/models/shortLayers.ts";
import { Loss } from "../../shared/core/schemas/loss.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { distance } from "./kerasContract.ts";

type After = Readonly<Record<string, readonly number[]>>;

interface LossCase {
  readonly loss: string;
  readonly activation: string;
  readonly labels: string;
  readonly y: readonly number[];
  readonly value: number;
  readonly after: After;
}

interface OptimizerCase {
  readonly optimizer: object;
  readonly scale: number;
  readonly after: Readonly<Record<string, After>>;
}

interface Golden {
  readonly x: readonly number[];
  readonly losses: readonly LossCase[];
  readonly optimizers: readonly OptimizerCase[];
}

const { x, losses, optimizers }: Golden = JSON.parse(
  readFileSync(new URL("../vectors/keras/training.json", import.meta.url), "utf8"),
);
const [SAMPLES, INPUTS, HIDDEN, OUTPUTS] = [4, 3, 3, 2];
const shapes = [
  { name: "hidden/kernel", shape: [INPUTS, HIDDEN] },
  { name: "hidden/bias", shape: [HIDDEN] },
  { name: "out/kernel", shape: [HIDDEN, OUTPUTS] },
  { name: "out/bias", shape: [OUTPUTS] },
];

function wave(count: number, phase: number, size: number): Float32Array {
  return Float32Array.from({ length: count }, (_, k) => size * Math.sin(1.3 * k + phase));
}

/** As training.py has them. */
function initial(scale: number): Weights {
  return shapes.map(({ name, shape }, place) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return { name, shape, values: wave(count, place + 0.9, 0.6 * scale) };
  });
}

function taskOf(
  loss: Loss,
  activation: string,
  y: ArrayLike<number>,
  optimizer: object,
  steps: number,
  scale = 1,
) {
  const topology = shortTopology(
    [INPUTS],
    [
      { type: "Dense", units: HIDDEN, activation: "tanh", name: "hidden" },
      { type: "Dense", units: OUTPUTS, activation, name: "out" },
    ],
  );
  expect(modelProblems(topology, loss)).toEqual([]);
  return {
    topology,
    weights: initial(scale),
    data: {
      x: { shape: [SAMPLES, INPUTS], values: Float32Array.from(x) },
      y: { shape: [SAMPLES, OUTPUTS], values: Float32Array.from(y) },
    },
    training: TrainingOptions.parse({ loss, optimizer, localEpochs: steps, batchSize: SAMPLES }),
    seed: 1,
    round: 1,
    clientId: "a",
  };
}

function expectWeights(weights: Weights, after: After): void {
  expect(weights.map(({ name }) => name).toSorted()).toEqual(Object.keys(after).toSorted());
  for (const { name, values } of weights) {
    expect(distance(values, after[name] ?? []), name).toBeLessThan(1e-5);
  }
}

export function kerasTrainingContract(load: () => Promise<Tensors>): void {
  describe("a loss as Keras computes it", () => {
    test.each(losses.map((entry) => [`${entry.loss}, ${entry.activation}, ${entry.labels}`, entry] as const))(
      "%s",
      async (_, { loss, activation, y, value, after }) => {
        const tensors = await load();
        const before = tensors.tf.memory().numTensors;
        const task = taskOf(Loss.parse(loss), activation, y, { name: "sgd", learningRate: 0.1 }, 3);
        const trained = await createTensorTrainer(tensors).train(task);
        expect(trained.lossBefore).toBeCloseTo(value, 5);
        expectWeights(trained.weights, after);
        expect(tensors.tf.memory().numTensors).toBe(before);
      },
    );
  });

  describe("an optimizer as Keras computes it", () => {
    test.each(
      optimizers.flatMap((entry) =>
        Object.entries(entry.after).map(
          ([steps, after]) =>
            [
              `${steps} steps of ${JSON.stringify(entry.optimizer)} × ${entry.scale}`,
              Number(steps),
              entry,
              after,
            ] as const,
        ),
      ),
    )("%s", async (_, steps, { optimizer, scale }, after) => {
      const tensors = await load();
      const before = tensors.tf.memory().numTensors;
      const y = wave(SAMPLES * OUTPUTS, 0.4, 2);
      const task = taskOf("meanSquaredError", "linear", y, optimizer, steps, scale);
      const { weights } = await createTensorTrainer(tensors).train(task);
      expectWeights(weights, after);
      expect(tensors.tf.memory().numTensors).toBe(before);
    });
  });
}
