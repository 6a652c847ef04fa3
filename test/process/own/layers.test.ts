// Layers of an owner's own: registered before a model is built, trained like any other, refused where they
// would replace one of Keras; and nothing of what they throw is quoted.
import { expect, test } from "vitest";
import rms from "../../../examples/own-code/layers.ts";
import type { Layers, TensorFlow } from "../../../shared/cloud/own/client.ts";
import { registerOwnLayers } from "../../../shared/cloud/own/ownLayers.ts";
import { loadTensors } from "../../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../../shared/cloud/tensors/tensorTrainer.ts";
import { initialWeights } from "../../../shared/core/models/initialWeights.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { buildSpec } from "../../support/builders.ts";
import { refusalOf } from "../../support/refusal.ts";

const SECRET = "ssn-078-05-1120";

const layer = (class_name: string, config: object, more: object = {}) => ({ class_name, config, ...more });
const topology = {
  model_config: {
    class_name: "Sequential",
    config: {
      name: "m",
      layers: [
        layer("Dense", { name: "first", units: 4, activation: "linear", batch_input_shape: [null, 3] }),
        layer("RmsNormalization", { name: "rms", epsilon: 0.001, scale_initializer: "ones" }),
        layer("Dense", { name: "out", units: 2, activation: "softmax" }),
      ],
    },
  },
};

const partOf = (layers: unknown) => ({
  about: { name: "mine", version: "1.2.3" },
  load: async () => ({ default: layers as Layers }),
});

test("is accepted by a run that requires layers, and refused with the remedy by any other", () => {
  expect(modelProblems(topology, "sparseCategoricalCrossentropy", true)).toEqual([]);
  const [problem, ...others] = modelProblems(topology, "sparseCategoricalCrossentropy");
  expect(others).toEqual([]);
  expect(problem).toMatch(
    /^layer "rms" \(RmsNormalization\): this class is not supported; there are InputLayer, .*\. For one of your own, bundle a layers\.ts and name it in `requires`/,
  );
});

test("trains as what it computes", async () => {
  const tensors = await loadTensors({ prefer: "portable" });
  const { tf } = tensors;
  expect(await registerOwnLayers(tf, partOf(rms))).toEqual(["RmsNormalization"]);
  const trainer = createTensorTrainer(tensors);
  const shapes = await trainer.describe(topology);
  expect(shapes.map(({ name, shape }) => [name, shape])).toEqual([
    ["first/kernel", [3, 4]],
    ["first/bias", [4]],
    ["rms/scale", [4]],
    ["out/kernel", [4, 2]],
    ["out/bias", [2]],
  ]);
  const weights = initialWeights(topology, shapes, 3);
  expect(weights[2]?.values).toEqual(Float32Array.of(1, 1, 1, 1));
  const x = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i));
  const y = Float32Array.from({ length: 10 }, (_, i) => i % 2);
  const data = { x: { shape: [10, 3], values: x }, y: { shape: [10], values: y } };
  const loss = "sparseCategoricalCrossentropy";
  const scored = await trainer.evaluate({ topology, weights, data, loss, batchSize: 4 });
  expect(scored.loss).toBeCloseTo(
    lossByHand(
      weights.map(({ values }) => values),
      x,
      y,
    ),
    5,
  );
  const { training } = buildSpec({
    training: { localEpochs: 20, batchSize: 10, optimizer: { name: "sgd", learningRate: 0.5 } },
  });
  const before = tf.memory().numTensors;
  const trained = await trainer.train({
    topology,
    weights,
    data,
    training,
    seed: 1,
    round: 1,
    clientId: "a",
  });
  expect(tf.memory().numTensors).toBe(before);
  expect(trained.lossAfter).toBeLessThan(trained.lossBefore * 0.9);
  expect(trained.weights[2]?.values).not.toEqual(weights[2]?.values);
});

/** The mean loss of the model above, in plain numbers. */
function lossByHand(weights: readonly Float32Array[], x: Float32Array, y: Float32Array): number {
  const [kernel = [], bias = [], scale = [], ofOut = [], outBias = []] = weights;
  let sum = 0;
  for (let row = 0; row < y.length; row++) {
    const first = [0, 1, 2, 3].map((j) =>
      [0, 1, 2].reduce((to, i) => to + (x[3 * row + i] ?? 0) * (kernel[4 * i + j] ?? 0), bias[j] ?? 0),
    );
    const root = Math.sqrt(first.reduce((to, value) => to + value * value, 0) / 4 + 0.001);
    const normal = first.map((value, j) => (value / root) * (scale[j] ?? 0));
    const scores = [0, 1].map((c) =>
      normal.reduce((to, value, j) => to + value * (ofOut[2 * j + c] ?? 0), outBias[c] ?? 0),
    );
    const total = scores.reduce((to, score) => to + Math.exp(score), 0);
    sum -= (scores[y[row] ?? 0] ?? 0) - Math.log(total);
  }
  return sum / y.length;
}

test("that fails on its input quotes nothing of it", async () => {
  const tensors = await loadTensors({ prefer: "portable" });
  const failing: Layers = (tf) => {
    class Failing extends tf.layers.Layer {
      static readonly className = "Failing";
      override call(): never {
        throw new Error(SECRET);
      }
    }
    return [Failing];
  };
  await registerOwnLayers(tensors.tf, partOf(failing));
  const layers = [
    layer("Failing", { name: "mine", batch_input_shape: [null, 3] }),
    layer("Dense", { name: "out", units: 2, activation: "softmax" }),
  ];
  const model = { model_config: { class_name: "Sequential", config: { name: "m", layers } } };
  const error = await refusalOf(async () => {
    const trainer = createTensorTrainer(tensors);
    const weights = initialWeights(model, await trainer.describe(model), 1);
    const data = {
      x: { shape: [1, 3], values: new Float32Array(3) },
      y: { shape: [1], values: new Float32Array(1) },
    };
    await trainer.evaluate({
      topology: model,
      weights,
      data,
      loss: "sparseCategoricalCrossentropy",
      batchSize: 1,
    });
  });
  expect(error.message).not.toContain(SECRET);
  expect(error.message).toContain('"mine" (Failing)');
});

type Given = readonly [string, (tf: TensorFlow) => unknown, RegExp];
const refused: readonly Given[] = [
  ["no list", () => ({}), /return no list of classes/],
  ["what is no class", () => [{ className: "Mine" }], /return as number 0 no class with a static className/],
  [
    "a class without a name",
    ({ layers }) => [class extends layers.Layer {}],
    /number 0 no class with a static className/,
  ],
  [
    "a class of something else",
    () => [Object.assign(class {}, { className: "Mine" })],
    /a class Mine that does not extend the Layer of the TensorFlow.js it is given/,
  ],
  [
    "a class of Keras",
    ({ layers }) => [Object.assign(class extends layers.Layer {}, { className: "Dense" })],
    /a class Dense, which TensorFlow.js has already: give it another name/,
  ],
  [
    "a name twice",
    ({ layers }) => [1, 2].map(() => Object.assign(class extends layers.Layer {}, { className: "Twice" })),
    /two classes Twice/,
  ],
];
test.each(refused)("that return %s are refused, none of them registered", async (_, layers, problem) => {
  const { tf } = await loadTensors({ prefer: "portable" });
  const error = await refusalOf(() => registerOwnLayers(tf, partOf(layers)));
  expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
  expect(error.message).toMatch(problem);
  expect(tf.serialization.SerializationMap.getMap().classNameMap["Twice"]).toBeUndefined();
});
