// What training on TensorFlow computes, against the arithmetic done by hand and against tfjs itself; on each
// backend.

import type { Tensor } from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import { dataStream } from "../../shared/cloud/data/dataStream.ts";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import type { FedproxOptions } from "../../shared/core/methods/training/fedprox/face.ts";
import { builtinModels, modelSpec } from "../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import type { DataStream, Dataset, TrainTask } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { Loss } from "../../shared/core/schemas/loss.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { blobs } from "./trainerContract.ts";

const sequence = (...layers: readonly (readonly [string, Record<string, unknown>])[]): LayersTopology => ({
  model_config: {
    class_name: "Sequential",
    config: { name: "m", layers: layers.map(([className, config]) => ({ class_name: className, config })) },
  },
});

/** y = w1 x1 + w2 x2 + b, the gradients of which fit on a line. */
const linear = sequence(["Dense", { name: "d", units: 1, batch_input_shape: [null, 2] }]);
const linearWeights: Weights = [
  { name: "d/kernel", shape: [2, 1], values: Float32Array.of(1, -1) },
  { name: "d/bias", shape: [1], values: Float32Array.of(0.5) },
];
const onePoint: Dataset = {
  x: { shape: [1, 2], values: Float32Array.of(3, 2) },
  y: { shape: [1, 1], values: Float32Array.of(0) },
};

/** The same samples in pieces of `size`, as if they did not fit into memory. */
function streamOf({ x, y }: Dataset, size: number): DataStream {
  const [samples = 0, ...inputShape] = x.shape;
  const width = x.values.length / samples;
  const rowsOf = (begin: number) => {
    const count = Math.min(size, samples - begin);
    return {
      count,
      x: x.values.slice(begin * width, (begin + count) * width),
      y: y.values.slice(begin, begin + count),
    };
  };
  const pieces = Array.from({ length: Math.ceil(samples / size) }, (_, i) => ({
    count: rowsOf(i * size).count,
    again: async () => rowsOf(i * size),
  }));
  return dataStream({ inputShape, targetShape: [], samples, first: { x, y }, pieces, windowBytes: 100 });
}

async function* failing(data: Dataset): AsyncGenerator<Dataset> {
  yield data;
  throw new FlError("unavailable", "gone");
}

const sgd = (learningRate: number) => ({ name: "sgd", learningRate }) as const;

function trainingTask(
  topology: LayersTopology,
  weights: Weights,
  data: Dataset,
  training: Partial<FedproxOptions>,
): TrainTask & { readonly topology: LayersTopology } {
  return {
    topology,
    weights,
    data,
    training: {
      method: "fedprox",
      localEpochs: 1,
      batchSize: 8,
      optimizer: sgd(0.1),
      loss: "sparseCategoricalCrossentropy",
      proximalMu: 0,
      ...training,
    },
    seed: 1,
    round: 1,
    clientId: "a",
  };
}

const flat = (weights: Weights) => weights.flatMap(({ values }) => [...values]);

function expectClose(actual: readonly number[], expected: readonly number[], digits = 5): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => {
    expect(value, `value ${i}`).toBeCloseTo(expected[i] ?? Number.NaN, digits);
  });
}

/** Images of noise with one bright row that marks the class. */
function stripes(samples: number, side: number): Dataset {
  const random = randomFrom("stripes", samples, side);
  const values = Float32Array.from({ length: samples * side * side }, (_, i) => {
    const [sample, row] = [Math.floor(i / side / side), Math.floor(i / side) % side];
    return 0.3 * random.next() + (row === sample % 3 ? 0.7 : 0);
  });
  return {
    x: { shape: [samples, side, side, 1], values },
    y: { shape: [samples], values: Float32Array.from({ length: samples }, (_, i) => i % 3) },
  };
}

/** A small net with every layer whose behaviour differs in training. */
const everyLayer = sequence(
  ["Conv2D", { name: "c", filters: 4, kernel_size: 3, padding: "same", batch_input_shape: [null, 6, 6, 1] }],
  ["BatchNormalization", { name: "n" }],
  ["Activation", { name: "a", activation: "relu" }],
  ["MaxPooling2D", { name: "p", pool_size: 2 }],
  ["Dropout", { name: "drop", rate: 0.2, seed: 1 }],
  ["Flatten", { name: "f" }],
  ["Dense", { name: "o", units: 3, activation: "softmax" }],
);

export function tensorsContract(name: string, load: () => Promise<Tensors>): void {
  describe(name, () => {
    const trainerOf = async () => createTensorTrainer(await load());
    const initial = async (topology: LayersTopology) =>
      initialWeights(topology, await (await trainerOf()).describe(topology), 5);

    /** Does the work and expects as many tensors after it as before. */
    async function withoutLeaks<T>(work: () => Promise<T>): Promise<T> {
      const { tf } = await load();
      const before = tf.memory().numTensors;
      const result = await work();
      expect(tf.memory().numTensors).toBe(before);
      return result;
    }

    test("a step of SGD on squared error is the one done by hand", async () => {
      const trainer = await trainerOf();
      const task = trainingTask(linear, linearWeights, onePoint, {
        optimizer: sgd(0.01),
        loss: "meanSquaredError",
      });
      const { weights, lossBefore, lossAfter, steps } = await withoutLeaks(() => trainer.train(task));
      // Prediction 3 - 2 + 0.5 = 1.5; loss 2.25; d/dprediction 2 * 1.5 = 3; step 0.01 * 3 * (3, 2, 1).
      expectClose(flat(weights), [1 - 0.09, -1 - 0.06, 0.5 - 0.03]);
      expect(lossBefore).toBeCloseTo(2.25, 5);
      expect(lossAfter).toBeCloseTo((0.91 * 3 - 1.06 * 2 + 0.47) ** 2, 4);
      expect(steps).toBe(1);
    });

    test("the proximal term pulls back to the incoming weights, not to the moving ones", async () => {
      const trainer = await trainerOf();
      const options = { optimizer: sgd(0.01), loss: "meanSquaredError", localEpochs: 2 } as const;
      const train = (proximalMu: number) =>
        withoutLeaks(() =>
          trainer.train(trainingTask(linear, linearWeights, onePoint, { ...options, proximalMu })),
        );
      const base = flat(linearWeights);
      const point = [3, 2, 1];
      const expected = (mu: number) => {
        const w = [...base];
        for (let step = 0; step < 2; step++) {
          const error = w.reduce((sum, value, i) => sum + value * (point[i] ?? 0), 0);
          for (let i = 0; i < 3; i++) {
            const value = w[i] ?? 0;
            w[i] = value - 0.01 * (2 * error * (point[i] ?? 0) + mu * (value - (base[i] ?? 0)));
          }
        }
        return w;
      };
      for (const mu of [0, 0.5, 20]) expectClose(flat((await train(mu)).weights), expected(mu));
    });

    test("a strong proximal term keeps training near where it started", async () => {
      const trainer = await trainerOf();
      const topology = toLayersTopology(modelSpec("tiny-mlp"));
      const weights = await initial(topology);
      const distance = async (proximalMu: number) => {
        const task = trainingTask(topology, weights, blobs(60, 1), { proximalMu, localEpochs: 5 });
        const after = flat((await trainer.train(task)).weights);
        return Math.hypot(...flat(weights).map((value, i) => value - (after[i] ?? 0)));
      };
      expect(await distance(5)).toBeLessThan(0.5 * (await distance(0)));
    });

    test.each([
      ["sgd", sgd(0.05), (w: number, g: number) => w - 0.05 * g],
      [
        "momentum",
        { name: "momentum", learningRate: 0.05, momentum: 0.9 } as const,
        (w: number, g: number) => w - 0.05 * g,
      ],
      [
        "adam",
        { name: "adam", learningRate: 0.05, beta1: 0.9, beta2: 0.999 } as const,
        (w: number, g: number) => w - 0.05 * Math.sign(g),
      ],
    ])("%s makes its first step", async (_, optimizer, moved) => {
      const task = trainingTask(linear, linearWeights, onePoint, { optimizer, loss: "meanSquaredError" });
      const { weights } = await withoutLeaks(async () => (await trainerOf()).train(task));
      expectClose(flat(weights), [moved(1, 9), moved(-1, 6), moved(0.5, 3)], 4);
    });

    test("learns what fit learns, step for step", async () => {
      const { tf } = await load();
      const trainer = await trainerOf();
      const topology = toLayersTopology(modelSpec("tiny-mlp"));
      const weights = await initial(topology);
      const data = blobs(8, 1);
      // One batch an epoch, so the order of the samples makes no difference.
      const options = { localEpochs: 4, batchSize: 8, optimizer: sgd(0.5) };
      const { weights: ours } = await trainer.train(trainingTask(topology, weights, data, options));

      const model = await tf.models.modelFromJSON(
        structuredClone(topology) as Parameters<typeof tf.models.modelFromJSON>[0],
      );
      const tensors: Tensor[] = weights.map(({ values, shape }) => tf.tensor(values, [...shape]));
      const x = tf.tensor(data.x.values, [...data.x.shape]);
      const y = tf.tensor(data.y.values, [...data.y.shape]);
      model.setWeights(tensors);
      model.compile({ optimizer: tf.train.sgd(0.5), loss: "sparseCategoricalCrossentropy" });
      await model.fit(x, y, { epochs: 4, batchSize: 8, shuffle: false, verbose: 0 });
      const theirs = model.getWeights().flatMap((tensor) => [...tensor.dataSync()]);
      model.dispose();
      tf.dispose([x, y, ...tensors]);

      expectClose(flat(ours), theirs, 4);
    });

    test("a CNN with batch normalisation and dropout trains, and leaves no tensors", async () => {
      const trainer = await trainerOf();
      const weights = await initial(everyLayer);
      expect(weights.map(({ name }) => name)).toEqual([
        "c/kernel",
        "c/bias",
        "n/gamma",
        "n/beta",
        "o/kernel",
        "o/bias",
        "n/moving_mean",
        "n/moving_variance",
      ]);
      const data = stripes(45, 6);
      const task = trainingTask(everyLayer, weights, data, {
        localEpochs: 12,
        batchSize: 15,
        optimizer: { name: "adam", learningRate: 0.02, beta1: 0.9, beta2: 0.999 },
        proximalMu: 0.01,
      });
      const result = await withoutLeaks(() => trainer.train(task));
      expect(result.lossAfter).toBeLessThan(0.5 * result.lossBefore);
      const mean = result.weights.find(({ name }) => name === "n/moving_mean")?.values ?? [];
      expect(
        [...mean].some((value) => Math.abs(value) > 1e-3),
        "moving averages move",
      ).toBe(true);
      const evaluation = await withoutLeaks(() =>
        trainer.evaluate({
          topology: everyLayer,
          weights: result.weights,
          data,
          loss: "sparseCategoricalCrossentropy",
          batchSize: 20,
        }),
      );
      expect(evaluation.accuracy).toBeGreaterThan(0.9);
    });

    test("a frozen layer stays, whatever the proximal term", async () => {
      const topology = sequence(
        ["Dense", { name: "a", units: 4, trainable: false, batch_input_shape: [null, 4] }],
        ["Dense", { name: "b", units: 3, activation: "softmax" }],
      );
      const weights = await initial(topology);
      const task = trainingTask(topology, weights, blobs(30, 1), { proximalMu: 0.1 });
      const result = await (await trainerOf()).train(task);
      const named = (list: Weights, name: string) => list.find((weight) => weight.name === name)?.values;
      expect(named(result.weights, "a/kernel")).toEqual(named(weights, "a/kernel"));
      expect(named(result.weights, "b/kernel")).not.toEqual(named(weights, "b/kernel"));
    });

    test("what regularizers add is part of a score's loss, and of none that is computed from the loss", async () => {
      const scored = async (options: object) => {
        const d = { name: "d", units: 2, activation: "softmax", batch_input_shape: [null, 2], ...options };
        return (await trainerOf()).evaluate({
          topology: sequence(["Dense", d]),
          weights: [
            { name: "d/kernel", shape: [2, 2], values: Float32Array.of(1, 2, 0, 1) },
            { name: "d/bias", shape: [2], values: Float32Array.of(0, 3) },
          ],
          data: {
            x: { shape: [2, 2], values: Float32Array.of(1, 0, 0, 1) },
            y: { shape: [2], values: Float32Array.of(0, 1) },
          },
          loss: "sparseCategoricalCrossentropy",
          metrics: ["perplexity"],
          batchSize: 1,
        });
      };
      const regularizers = {
        kernel_regularizer: { class_name: "L2", config: { l2: 0.1 } },
        bias_regularizer: { class_name: "L1", config: { l1: 0.01 } },
      };
      const [plain, penalised] = [await scored({}), await scored(regularizers)];
      expect(penalised.loss).toBeCloseTo(plain.loss + 0.1 * 6 + 0.01 * 3, 5);
      expect(penalised.metrics).toEqual(plain.metrics);
      expect((await scored({ ...regularizers, trainable: false })).loss).toBe(plain.loss);
    });

    test("weight decay that a layer asks for is part of the loss", async () => {
      const regularizer = { class_name: "L1L2", config: { l1: 0, l2: 0.5 } };
      const topology = sequence([
        "Dense",
        { name: "d", units: 1, kernel_regularizer: regularizer, batch_input_shape: [null, 2] },
      ]);
      const data: Dataset = { ...onePoint, y: { shape: [1, 1], values: Float32Array.of(1.5) } };
      const task = trainingTask(topology, linearWeights, data, {
        optimizer: sgd(0.1),
        loss: "meanSquaredError",
      });
      const { weights } = await withoutLeaks(async () => (await trainerOf()).train(task));
      // The prediction is right, so only 0.5 w² is left: its gradient is w.
      expectClose(flat(weights), [0.9, -0.9, 0.5]);
    });

    describe("losses and accuracies", () => {
      const vector = (values: readonly number[], shape: readonly number[]) => ({
        shape,
        values: Float32Array.from(values),
      });
      /** A model that hands its input on, through an activation. */
      const through = (activation: string) =>
        sequence(
          ["Activation", { name: "a", activation, batch_input_shape: [null, 2] }],
          ["Dense", { name: "d", units: 2, use_bias: false }],
        );
      const identity: Weights = [{ name: "d/kernel", shape: [2, 2], values: Float32Array.of(1, 0, 0, 1) }];
      const score = async (
        x: readonly number[],
        y: Dataset["y"],
        loss: TrainTask["training"]["loss"],
        activation = "linear",
      ) => {
        const data = { x: vector(x, [x.length / 2, 2]), y };
        const task = { topology: through(activation), weights: identity, data, loss, batchSize: 3 };
        return withoutLeaks(async () => (await trainerOf()).evaluate(task));
      };

      test("sparse categorical cross-entropy", async () => {
        const y = vector([0, 1], [2]);
        const { loss, accuracy } = await score([0.8, 0.2, 0.6, 0.4], y, "sparseCategoricalCrossentropy");
        expect(loss).toBeCloseTo(-(Math.log(0.8) + Math.log(0.4)) / 2, 5);
        expect(accuracy).toBe(0.5);
      });

      test("categorical cross-entropy", async () => {
        const y = vector([1, 0, 0.5, 0.5], [2, 2]);
        const { loss, accuracy } = await score([0.8, 0.2, 0.6, 0.4], y, "categoricalCrossentropy");
        expect(loss).toBeCloseTo(-(Math.log(0.8) + (Math.log(0.6) + Math.log(0.4)) / 2) / 2, 5);
        expect(accuracy).toBe(1);
      });

      test("binary cross-entropy: a sample is right when all its outputs are", async () => {
        const y = vector([1, 0, 1, 0], [2, 2]);
        const { loss, accuracy } = await score([0.9, 0.2, 0.7, 0.6], y, "binaryCrossentropy");
        const logs = [0.9, 0.8, 0.7, 0.4].map(Math.log);
        expect(loss).toBeCloseTo(-logs.reduce((sum, value) => sum + value, 0) / 4, 5);
        expect(accuracy).toBe(0.5);
      });

      test("mean squared error: a sample is right when its outputs round to the targets", async () => {
        const y = vector([1, 2, 1, 2], [2, 2]);
        const { loss, accuracy } = await score([1.2, 1.8, 1, 3], y, "meanSquaredError");
        expect(loss).toBeCloseTo((0.04 + 0.04 + 0 + 1) / 4, 5);
        expect(accuracy).toBeNull();
      });

      test("certainty of the wrong class is a large loss, not an infinite one", async () => {
        const { loss } = await score([1, 0], vector([1], [1]), "sparseCategoricalCrossentropy");
        expect(loss).toBeGreaterThan(15);
        expect(loss).toBeLessThan(17);
      });

      test.each(Loss.options)("%s of outputs that are not numbers is not a number", async (loss) => {
        const y =
          loss === "sparseCategoricalCrossentropy" ? vector([0, 1], [2]) : vector([1, 0, 0, 1], [2, 2]);
        for (const activation of ["linear", "softmax", "sigmoid"]) {
          const topology = sequence([
            "Dense",
            { name: "d", units: 2, use_bias: false, activation, batch_input_shape: [null, 2] },
          ]);
          const weights = [{ name: "d/kernel", shape: [2, 2], values: new Float32Array(4).fill(Number.NaN) }];
          const data = { x: vector([1, 2, 3, 4], [2, 2]), y };
          const scored = await (await trainerOf()).evaluate({ topology, weights, data, loss, batchSize: 2 });
          expect(scored.loss, activation).toBeNaN();
        }
      });

      test("one label for each position of a sequence", async () => {
        const topology = sequence([
          "Dense",
          { name: "d", units: 2, activation: "softmax", batch_input_shape: [null, 3, 1] },
        ]);
        const weights: Weights = [
          { name: "d/kernel", shape: [1, 2], values: Float32Array.of(1, -1) },
          { name: "d/bias", shape: [2], values: Float32Array.of(0, 0) },
        ];
        const data = { x: vector([1, 1, -1], [1, 3, 1]), y: vector([0, 1, 1], [1, 3]) };
        const loss = "sparseCategoricalCrossentropy" as const;
        const evaluation = await (await trainerOf()).evaluate({
          topology,
          weights,
          data,
          loss,
          batchSize: 1,
        });
        expect(evaluation.accuracy).toBeCloseTo(2 / 3, 5);
      });
    });

    test("divergence stops training with its place and a remedy", async () => {
      const task = trainingTask(linear, linearWeights, onePoint, {
        optimizer: sgd(100),
        loss: "meanSquaredError",
        localEpochs: 100,
      });
      await withoutLeaks(async () => {
        await expect((await trainerOf()).train(task)).rejects.toThrow(
          /Training diverged: the loss is (Infinity|NaN) in step \d+ of epoch \d+. Lower training.optimizer.learningRate \(100\)/,
        );
      });
    });

    test("weights that are not numbers are refused before the first step", async () => {
      const broken = linearWeights.map((weight) => ({
        ...weight,
        values: weight.values.map(() => Number.NaN),
      }));
      const task = trainingTask(linear, broken, onePoint, { loss: "meanSquaredError" });
      const trainer = await trainerOf();
      await expect(trainer.train(task)).rejects.toThrow(/before the first step/);
      const evaluation = await trainer.evaluate({
        ...task,
        data: onePoint,
        loss: "meanSquaredError",
        batchSize: 1,
      });
      expect(evaluation.loss).toBeNaN();
    });

    test("a deadline in the middle leaves the steps done until then", async () => {
      const trainer = await trainerOf();
      const topology = toLayersTopology(modelSpec("tiny-mlp"));
      const weights = await initial(topology);
      let epochs = 0;
      const deadlineMs = Date.now() + 150;
      const result = await trainer.train({
        ...trainingTask(topology, weights, blobs(60, 1), { localEpochs: 1_000, batchSize: 4 }),
        deadlineMs,
        onProgress: ({ epoch }) => {
          epochs = epoch;
        },
      });
      expect(result.partial).toBe(true);
      expect(result.steps).toBeGreaterThanOrEqual(15 * epochs);
      expect(result.steps).toBeLessThan(15 * 1_000);
    });

    test("data that are read again in each epoch train as those in memory do", async () => {
      const trainer = await trainerOf();
      const topology = toLayersTopology(modelSpec("tiny-mlp"));
      const weights = await initial(topology);
      const data = blobs(60, 1);
      // In one batch an epoch, the order is of no importance.
      const task = trainingTask(topology, weights, data, { localEpochs: 3, batchSize: 100 });
      const stream = streamOf(data, 7);
      await withoutLeaks(async () => {
        const [held, streamed] = [await trainer.train(task), await trainer.train({ ...task, data: stream })];
        expect(streamed).toMatchObject({ samples: 60, steps: 3, partial: false });
        expect(streamed.lossBefore).toBeCloseTo(held.lossBefore, 5);
        expect(streamed.lossAfter).toBeCloseTo(held.lossAfter, 5);
        for (const [i, { values }] of streamed.weights.entries()) {
          for (const [j, value] of values.entries()) {
            expect(value).toBeCloseTo(held.weights[i]?.values[j] ?? Number.NaN, 5);
          }
        }
        const small = { ...task, training: { ...task.training, batchSize: 8 }, data: stream };
        const [once, again] = [await trainer.train(small), await trainer.train(small)];
        expect(once.steps).toBe(3 * 8);
        expect(again.weights).toEqual(once.weights);
        const past = await trainer.train({ ...small, deadlineMs: Date.now() - 1 });
        expect(past).toMatchObject({ steps: 0, partial: true });
      });
    });

    test("data that are read as a stream are scored as those in memory are", async () => {
      const trainer = await trainerOf();
      const topology = toLayersTopology(modelSpec("tiny-mlp"));
      const data = blobs(60, 1);
      const task = {
        ...{ topology, weights: await initial(topology), loss: "sparseCategoricalCrossentropy" as const },
        ...{ metrics: ["f1", "auc", "top2Accuracy"], batchSize: 7 },
      };
      await withoutLeaks(async () => {
        const held = await trainer.evaluate({ ...task, data });
        const streamed = await trainer.evaluate({ ...task, data: streamOf(data, 11) });
        expect(streamed).toMatchObject({ samples: 60, accuracy: held.accuracy, details: held.details });
        expect(streamed.loss).toBeCloseTo(held.loss, 5);
        for (const [name, value] of Object.entries(held.metrics)) {
          expect(streamed.metrics[name], name).toBeCloseTo(value, 5);
        }
      });
      const broken = { ...streamOf(data, 11), batches: () => failing(data) };
      await withoutLeaks(async () => {
        await expect(trainer.evaluate({ ...task, data: broken })).rejects.toThrow("gone");
      });
    });

    test("progress reports each epoch's mean loss", async () => {
      const reported: [number, number, number][] = [];
      const task = trainingTask(linear, linearWeights, onePoint, {
        optimizer: sgd(0.01),
        loss: "meanSquaredError",
        localEpochs: 2,
      });
      await (await trainerOf()).train({
        ...task,
        onProgress: ({ epoch, steps, loss }) => reported.push([epoch, steps, loss]),
      });
      expect(reported.map(([epoch, steps]) => [epoch, steps])).toEqual([
        [1, 1],
        [2, 2],
      ]);
      expect(reported[0]?.[2]).toBeCloseTo(2.25, 5);
    });

    test.each(builtinModels.map((spec) => [spec.name, spec] as const))(
      "%s is what its rules say",
      async (_, spec) => {
        expect(await (await trainerOf()).describe(toLayersTopology(spec))).toEqual(parameterShapes(spec));
      },
    );

    test.each<[string, LayersTopology, RegExp]>([
      [
        "an unknown layer",
        sequence(["Quantum", { name: "q", batch_input_shape: [null, 2] }]),
        /cannot build the model/,
      ],
      ["no input shape", sequence(["Dense", { name: "d", units: 1 }]), /no parameters|cannot build/],
      [
        "nothing to train",
        sequence(["Activation", { name: "a", batch_input_shape: [null, 2] }]),
        /no parameters/,
      ],
    ])("a model with %s is refused, without leaks", async (_, topology, message) => {
      const trainer = await trainerOf();
      await withoutLeaks(async () => {
        await expect(trainer.describe(topology)).rejects.toMatchObject({
          code: "invalid-argument",
          message: expect.stringMatching(message),
        });
      });
    });

    test("a model of more parameters than it may have is refused before they are made, without leaks", async () => {
      const trainer = await trainerOf();
      const topology = sequence(
        ["BatchNormalization", { name: "n", batch_input_shape: [null, 4] }],
        ["Dense", { name: "d", units: 2 }],
      );
      const parameters = 4 * 4 + 4 * 2 + 2;
      const within = await trainer.describe(topology, parameters);
      expect(within.map(({ name }) => name)).toContain("d/bias");
      const bomb = sequence(
        ["BatchNormalization", { name: "n", batch_input_shape: [null, 4] }],
        ["LSTM", { name: "r", units: 2_000_000_000, batch_input_shape: [null, 5, 4] }],
      );
      await withoutLeaks(async () => {
        for (const [refused, most] of [
          [topology, parameters - 1],
          [bomb, 1_000_000],
        ] as const) {
          await expect(trainer.describe(refused, most)).rejects.toMatchObject({
            code: "invalid-argument",
            message: expect.stringMatching(/too large: it has more than \d+ parameters|cannot build/),
          });
        }
      });
      expect(await trainer.describe(topology)).toEqual(within);
    });

    test.each<[string, Dataset]>([
      ["samples of another shape", { ...blobs(3, 1), x: { shape: [3, 2], values: new Float32Array(6) } }],
      ["a label beyond the classes", { ...blobs(1, 1), y: { shape: [1], values: Float32Array.of(3) } }],
      ["half a label", { ...blobs(1, 1), y: { shape: [1], values: Float32Array.of(0.5) } }],
      [
        "fewer values than the shape says",
        { ...blobs(3, 1), y: { shape: [3], values: new Float32Array(2) } },
      ],
      ["labels of another shape", { ...blobs(3, 1), y: { shape: [3, 2], values: new Float32Array(6) } }],
    ])("data with %s are refused, without leaks", async (_, data) => {
      const trainer = await trainerOf();
      const topology = toLayersTopology(modelSpec("tiny-mlp"));
      const task = trainingTask(topology, await initial(topology), data, {});
      await withoutLeaks(async () => {
        await expect(trainer.train(task)).rejects.toMatchObject({ code: "invalid-argument" });
      });
    });
  });
}
