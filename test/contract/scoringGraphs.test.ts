// Batches that are scored as one graph of native TensorFlow, against the same batches one operation after the
// other: the same scores; and what cannot be recorded goes on as before.
import type { Tensor } from "@tensorflow/tfjs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ScoreBatch, scoringGraphs } from "../../shared/cloud/tensors/graph/scoringGraphs.ts";
import { loadTensors, type Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { shortTopology } from "../../shared/core/models/shortLayers.ts";
import type { EvaluateTask } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { type GraphWatch, watchGraphs } from "../support/watchGraphs.ts";

const loaded = await loadTensors({ prefer: "native" }).then(
  (tensors) => tensors,
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);
const missing = typeof loaded === "string" ? `skipped: ${loaded}` : "";

const SAMPLES = 80;
const SOFTMAX = { type: "Dense", units: 3, activation: "softmax" };

/** Samples of the shape; tokens below `tokens` where that is given, else numbers from 0 to 1. */
function valuesOf(shape: readonly number[], tokens?: number): Float32Array {
  const random = randomFrom(3, "scoring", ...shape);
  const count = SAMPLES * shape.reduce((product, each) => product * each, 1);
  return Float32Array.from({ length: count }, () =>
    tokens === undefined ? random.next() : Math.floor(random.next() * tokens),
  );
}

describe.skipIf(missing !== "")(missing === "" ? "scoring as a graph" : missing, () => {
  const { tf } = loaded as Tensors;
  let [watch, tensors]: [GraphWatch | null, number] = [null, 0];
  const counts = () => ({ ...watch?.counts });

  beforeEach(() => {
    tensors = tf.memory().numTensors;
    watch = watchGraphs(tf);
  });
  afterEach(() => {
    watch?.stop();
    expect(watch?.foldersLeft()).toEqual([]);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  type Layers = Parameters<typeof shortTopology>[1];
  const evaluateTask = async (
    shape: readonly number[],
    layers: Layers,
    task: Partial<EvaluateTask>,
    tokens?: number,
  ) => {
    const trainer = createTensorTrainer(loaded as Tensors);
    const topology = shortTopology([...shape], layers);
    const weights = initialWeights(topology, await trainer.describe(topology), 5);
    const x = { shape: [SAMPLES, ...shape], values: valuesOf(shape, tokens) };
    const random = randomFrom(4, "labels");
    const labels = Float32Array.from({ length: SAMPLES }, () => Math.floor(random.next() * 3));
    const data = { x, y: { shape: [SAMPLES], values: labels } };
    const whole = { topology, weights, data, loss: "sparseCategoricalCrossentropy" as const, ...task };
    return { trainer, task: whole };
  };

  test.each<[string, readonly number[], Layers, Partial<EvaluateTask>, number?]>([
    ["dense layers", [4], [{ type: "Dense", units: 8, activation: "relu" }, SOFTMAX], {}],
    [
      "metrics of all outputs",
      [4],
      [{ type: "Dense", units: 8, activation: "relu" }, SOFTMAX],
      { metrics: ["macroF1", "auc", "perplexity"] },
    ],
    [
      "images",
      [8, 8, 1],
      [
        { type: "Conv2D", filters: 4, kernel_size: 3, activation: "relu" },
        { type: "BatchNormalization" },
        { type: "MaxPooling2D", pool_size: 2 },
        { type: "Flatten" },
        { type: "Dropout", rate: 0.5 },
        SOFTMAX,
      ],
      {},
    ],
    [
      "text",
      [6],
      [
        { type: "Embedding", input_dim: 11, output_dim: 4, mask_zero: true },
        { type: "LSTM", units: 5 },
        SOFTMAX,
      ],
      {},
      11,
    ],
    [
      "a loss without classes",
      [4],
      [{ type: "Dense", units: 1 }],
      { loss: "meanSquaredError", metrics: ["r2"] },
    ],
    ["noise, which scoring leaves out", [4], [{ type: "GaussianNoise", stddev: 0.5 }, SOFTMAX], {}],
  ])("%s: the same scores", async (_what, shape, layers, more, tokens) => {
    const { trainer, task } = await evaluateTask(shape, layers, more, tokens);
    const eager = await trainer.evaluate({ ...task, batchSize: SAMPLES });
    expect(counts()).toMatchObject({ made: 0, runs: 0 });
    // Ten batches and a half: two before the graph, which is tried on the third, and seven by it.
    const batchSize = 7;
    const first = await trainer.evaluate({ ...task, batchSize });
    const full = Math.floor(SAMPLES / batchSize);
    expect(counts()).toMatchObject({ made: 1, runs: full - 2 });
    const warm = await trainer.evaluate({ ...task, batchSize });
    expect(counts()).toMatchObject({ made: 1, runs: 2 * full - 2 });
    for (const scored of [first, warm]) {
      expect(scored.samples).toBe(SAMPLES);
      expect(scored.accuracy).toBe(eager.accuracy);
      expect(scored.loss).toBeCloseTo(eager.loss, 5);
      expect(Object.keys(scored.metrics)).toEqual(Object.keys(eager.metrics));
      for (const [name, value] of Object.entries(eager.metrics)) {
        expect(scored.metrics[name]).toBeCloseTo(value, 5);
      }
    }
  });

  test("weights are those of the task, in a graph of other weights as well", async () => {
    const { trainer, task } = await evaluateTask([4], [SOFTMAX], {});
    const other = task.weights.map((weight) => ({
      ...weight,
      values: weight.values.map((v) => -2 * v + 0.3),
    }));
    const eager = await trainer.evaluate({ ...task, weights: other, batchSize: SAMPLES });
    await trainer.evaluate({ ...task, batchSize: 8 });
    const before = counts().runs ?? 0;
    const scored = await trainer.evaluate({ ...task, weights: other, batchSize: 8 });
    expect(counts().runs).toBe(before + 10);
    expect(scored.loss).toBeCloseTo(eager.loss, 5);
  });

  test("a token that a layer does not know is named by the layer, in a graph as well", async () => {
    const layers = [{ type: "Embedding", input_dim: 11, output_dim: 4 }, { type: "Flatten" }, SOFTMAX];
    const { trainer, task } = await evaluateTask([6], layers, {}, 11);
    const values = (task.data as { x: { values: Float32Array } }).x.values;
    values[6 * 70] = 11;
    await expect(trainer.evaluate({ ...task, batchSize: 8 })).rejects.toThrow(
      /\(Embedding\) takes tokens in 0\.\.10, and 1 of those/,
    );
    expect(counts().runs).toBeGreaterThan(0);
  });

  const scoreAll = (run: ScoreBatch, batches: number, rows = (_batch: number) => 2) => {
    const graphs = scoringGraphs(tf);
    return Array.from({ length: batches }, (_, batch) =>
      tf.tidy(() => {
        const x = tf.fill([rows(batch), 2], batch + 1);
        const y = tf.zeros([rows(batch)]);
        return graphs.score({ x, y }, { run, held: [], key: "k" }).map((made) => [...made.dataSync()]);
      }),
    );
  };

  test.each<[string, ScoreBatch]>([
    ["numbers that are read", ({ x }) => [tf.mul(x, (x.max() as Tensor).dataSync()[0] ?? 0)]],
    [
      "numbers that are drawn",
      ({ x }) => [tf.mul(tf.square(x), tf.cast(tf.greater(tf.randomUniform([2, 2]), -1), "float32"))],
    ],
    ["results that are not numbers", ({ x }) => [tf.square(x), tf.log(tf.neg(x))]],
  ])("%s are in no graph", (_what, run) => {
    const scored = scoreAll(run, 5);
    expect(scored.map(([first]) => first?.[0])).toEqual([1, 4, 9, 16, 25]);
    const { made, removed } = counts();
    expect(made).toBe(removed);
  });

  test("graphs of eight kinds of batches are kept, and that used longest ago goes", () => {
    scoreAll(
      ({ x }) => [tf.square(x)],
      3 * 10,
      (batch) => 1 + Math.floor(batch / 3),
    );
    expect(counts()).toMatchObject({ made: 10, removed: 2 });
  });
});
