// Training on WebAssembly: the contracts, and its own kernels against those of the plain JavaScript backend.
import type { Tensor, Tensor4D } from "@tensorflow/tfjs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { distillationContract } from "./distillationContract.ts";
import { localTrainingContract } from "./localTrainingContract.ts";
import { tensorsContract } from "./tensorsContract.ts";
import { trainerContract } from "./trainerContract.ts";
import { trainingHooksContract } from "./trainingHooksContract.ts";

const load = () => loadTensors({ prefer: "portable" });

// A kernel that writes beyond its memory spoils constants of others: from then on, this one returned what it
// was given.
afterEach(async () => {
  const { tf } = await load();
  const two = tf.scalar(2);
  const negative = tf.neg(two);
  expect(negative.dataSync()[0], "a kernel has written beyond its memory").toBe(-2);
  tf.dispose([two, negative]);
});

tensorsContract("TensorFlow.js on WebAssembly", load);
localTrainingContract("training on WebAssembly", load);
trainingHooksContract("training hooks on WebAssembly", load);
distillationContract("learning from teachers on WebAssembly", load);
trainerContract("trainer on WebAssembly", async () => createTensorTrainer(await load()));

test("another backend than the one loaded is refused", async () => {
  await load();
  await expect(loadTensors({ prefer: "native" })).rejects.toMatchObject({
    code: "failed-precondition",
    message: expect.stringContaining("already runs on wasm"),
  });
  expect((await loadTensors({ prefer: "auto" })).backend).toBe("wasm");
});

describe("what WebAssembly has of us or would compute wrongly, against plain JavaScript", () => {
  beforeAll(async () => {
    const { tf } = await load();
    // The JavaScript backend advertises the native one when it is first used on Node.
    tf.env().set("IS_NODE", false);
    await tf.setBackend("cpu");
    tf.scalar(1).dispose();
    tf.env().set("IS_NODE", true);
  });
  afterAll(async () => {
    await (await load()).tf.setBackend("wasm");
  });

  type Padding = "valid" | "same" | number;
  test.each<[string, [number, number, number], [number, number, number], number | [number, number], Padding]>(
    [
      ["gaps between places, over same", [8, 8, 2], [3, 3, 3], [2, 4], "same"],
      ["valid", [7, 6, 2], [3, 2, 3], 1, "valid"],
      ["same", [7, 6, 2], [3, 4, 3], 1, "same"],
      ["same, with an even kernel", [5, 5, 1], [2, 2, 2], 1, "same"],
      ["a kernel as large as the image", [4, 4, 2], [4, 4, 2], 1, "valid"],
      ["one pixel", [1, 1, 3], [1, 1, 2], 1, "valid"],
      ["strides that reach the end", [7, 7, 2], [3, 3, 2], 2, "valid"],
      ["strides that do not", [8, 9, 2], [3, 3, 2], [2, 3], "valid"],
      ["strides over same", [7, 8, 2], [3, 3, 3], 2, "same"],
      ["strides longer than the kernel", [9, 9, 1], [2, 2, 2], 3, "valid"],
      ["padding in numbers", [6, 6, 2], [3, 3, 2], 1, 1],
      ["padding wider than the kernel", [5, 5, 1], [2, 2, 2], 1, 3],
    ],
  )(
    "gradients of a convolution: %s",
    async (_, [height, width, channels], [kernelHeight, kernelWidth, filters], strides, pad) => {
      const { tf } = await load();
      const x: Tensor4D = tf.randomUniform([3, height, width, channels], -1, 1, "float32", 1);
      const w: Tensor4D = tf.randomUniform(
        [kernelHeight, kernelWidth, channels, filters],
        -1,
        1,
        "float32",
        2,
      );
      const rounding = typeof pad === "number" ? "floor" : undefined;
      // Squared, so that the gradient differs from place to place.
      const loss = (image: Tensor, filter: Tensor) =>
        tf.sum(
          tf.square(
            tf.conv2d(image as Tensor4D, filter as Tensor4D, strides, pad, "NHWC", undefined, rounding),
          ),
        );
      const gradients = async (backend: string) => {
        await tf.setBackend(backend);
        return tf
          .grads(loss)([x, w])
          .map((gradient) => [...gradient.dataSync()]);
      };
      const [wantedX = [], wantedW = []] = await gradients("cpu");
      const [foundX = [], foundW = []] = await gradients("wasm");
      const worst = (a: number[], b: number[]) =>
        Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? 0))));
      expect(foundX).toHaveLength(wantedX.length);
      expect(foundW).toHaveLength(wantedW.length);
      expect(worst(foundX, wantedX)).toBeLessThan(1e-3);
      expect(worst(foundW, wantedW)).toBeLessThan(1e-3);
    },
  );

  test.each<[string, [number, number], [number, number], number | [number, number]]>([
    ["in both directions", [8, 8], [2, 2], 4],
    ["in one", [8, 8], [3, 3], [2, 4]],
    ["of an odd size", [7, 9], [2, 2], 3],
    ["of a line", [8, 8], [1, 3], [2, 2]],
  ])("a convolution over same with gaps between its places, %s", async (_, size, kernel, strides) => {
    const { tf } = await load();
    const x: Tensor4D = tf.randomUniform([2, ...size, 2], -1, 1, "float32", 1);
    const w: Tensor4D = tf.randomUniform([...kernel, 2, 3], -1, 1, "float32", 2);
    const results = async (backend: string) => {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const made = tf.tidy(() => [
        [...tf.conv2d(x, w, strides, "same").dataSync()],
        [...tf.fused.conv2d({ x, filter: w, strides, pad: "same", activation: "relu" }).dataSync()],
        typeof strides === "number" ? [...tf.depthwiseConv2d(x, w, strides, "same").dataSync()] : [],
      ]);
      expect(tf.memory().numTensors).toBe(before);
      return made;
    };
    const wanted = await results("cpu");
    for (const [i, found] of (await results("wasm")).entries()) {
      expect(found).toHaveLength(wanted[i]?.length ?? Number.NaN);
      for (const [k, value] of found.entries()) expect(value).toBeCloseTo(wanted[i]?.[k] ?? Number.NaN, 4);
    }
  });

  test.each<[string, [number, number], [number, number], number | [number, number], Padding]>([
    ["of a size that its windows do not cover", [5, 7], [2, 2], 2, "valid"],
    ["whose windows lie over each other", [5, 5], [3, 2], 1, "valid"],
    ["with gaps between its windows", [7, 8], [1, 2], [3, 4], "valid"],
    ["over same", [5, 5], [2, 2], 2, "same"],
    ["over same, by unequal strides", [6, 7], [3, 3], [1, 2], "same"],
    ["of single values", [4, 4], [1, 1], 1, "valid"],
  ])("gradients of a pool of maxima %s", async (_, size, window, strides, pad) => {
    const { tf } = await load();
    // Some values are equal: the first of a window is its largest one then.
    const values = Float32Array.from({ length: 2 * size[0] * size[1] * 3 }, (_value, i) => (i * 7) % 11);
    const x: Tensor4D = tf.tensor(values, [2, ...size, 3]);
    const gradient = async (backend: string) => {
      await tf.setBackend(backend);
      // What is in memory that was used before does not count.
      tf.randomUniform(x.shape, 100, 200).dispose();
      const pooled = (image: Tensor) => tf.maxPool(image as Tensor4D, window, strides, pad);
      return [
        ...tf
          .grad((image) => tf.sum(tf.square(tf.sub(pooled(image), 3))))(x)
          .dataSync(),
      ];
    };
    expect(await gradient("wasm")).toEqual(await gradient("cpu"));
  });

  test("agree with finite differences", async () => {
    const { tf } = await load();
    await tf.setBackend("wasm");
    const x: Tensor4D = tf.randomUniform([2, 5, 5, 1], -1, 1, "float32", 3);
    const w = Float32Array.from({ length: 9 }, (_, i) => Math.sin(i));
    const loss = (filter: Tensor) => tf.sum(tf.square(tf.conv2d(x, filter as Tensor4D, 2, "same")));
    const at = (values: Float32Array) => loss(tf.tensor(values, [3, 3, 1, 1])).dataSync()[0] ?? Number.NaN;
    const gradient = tf
      .grad(loss)(tf.tensor(w, [3, 3, 1, 1]))
      .dataSync();
    for (let i = 0; i < 9; i++) {
      const moved = (by: number) => w.map((value, j) => (j === i ? value + by : value));
      const slope = (at(moved(0.01)) - at(moved(-0.01))) / 0.02;
      expect(gradient[i], `weight ${i}`).toBeCloseTo(slope, 2);
    }
  });

  test.each([
    ["a", [2, 4, 3], [2, 4, 5], true, false],
    ["b", [2, 3, 4], [2, 5, 4], false, true],
    ["both", [4, 3], [5, 4], true, true],
    ["one of another rank", [4, 3], [2, 4, 5], true, false],
  ])("a product with %s transposed", async (_, shapeA, shapeB, transposeA, transposeB) => {
    const { tf } = await load();
    const a = tf.randomUniform(shapeA, -1, 1, "float32", 1);
    const b = tf.randomUniform(shapeB, -1, 1, "float32", 2);
    const product = async (backend: string) => {
      await tf.setBackend(backend);
      const result = tf.matMul(a, b, transposeA, transposeB);
      return { shape: result.shape, values: [...result.dataSync()] };
    };
    const wanted = await product("cpu");
    const found = await product("wasm");
    expect(found.shape).toEqual(wanted.shape);
    found.values.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted.values[i] ?? Number.NaN, 4);
    });
  });
});

test("a model that needs a missing kernel is refused with the remedy", async () => {
  const trainer = createTensorTrainer(await load());
  const config = { name: "e", input_dim: 4, output_dim: 2, input_length: 3, batch_input_shape: [null, 3] };
  const topology = {
    model_config: {
      class_name: "Sequential",
      config: {
        layers: [
          { class_name: "Embedding", config },
          { class_name: "Flatten", config: { name: "f" } },
          { class_name: "Dense", config: { name: "d", units: 2, activation: "softmax" } },
        ],
      },
    },
  };
  const weights = (await trainer.describe(topology)).map(({ name, shape }) => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((size, dimension) => size * dimension, 1)).fill(0.1),
  }));
  const training = trainer.train({
    topology,
    weights,
    data: {
      x: { shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 2, 1) },
      y: { shape: [2], values: Float32Array.of(0, 1) },
    },
    training: {
      method: "fedprox",
      localEpochs: 1,
      batchSize: 2,
      optimizer: { name: "sgd", learningRate: 0.1 },
      loss: "sparseCategoricalCrossentropy",
      proximalMu: 0,
    },
    seed: 1,
    round: 1,
    clientId: "a",
  });
  await expect(training).rejects.toMatchObject({
    code: "failed-precondition",
    message: "The wasm backend lacks UnsortedSegmentSum, which this model needs; install native TensorFlow.",
  });
});
