// Steps that run as one graph of native TensorFlow, against the same steps one operation after the other: the
// same weights, whatever layers, optimizer and batches; and what cannot be recorded goes on as before.
import type { Tensor } from "@tensorflow/tfjs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fittedData } from "../../shared/cloud/tensors/batches.ts";
import { type GraphCache, graphCache } from "../../shared/cloud/tensors/graph/graphCache.ts";
import { type BuiltModel, buildModel } from "../../shared/cloud/tensors/layersModel.ts";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { trainLocally } from "../../shared/cloud/tensors/localTraining.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { methodState } from "../../shared/core/methods/training/clientState.ts";
import { gotShape, zerosOf } from "../../shared/core/methods/training/methodTensors.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import type { TrainingHooks } from "../../shared/core/methods/training/trainingMethod.ts";
import { hooksOf } from "../../shared/core/methods/training/trainingOf.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { shortTopology } from "../../shared/core/models/shortLayers.ts";
import type { Dataset, TrainTask } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { type GraphWatch, watchGraphs } from "../support/watchGraphs.ts";

const missing = await loadTensors({ prefer: "native" }).then(
  () => "",
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);

type Layers = Parameters<typeof shortTopology>[1];

/** Samples of the shape, and a label of three classes that follows from the first value. */
function data(samples: number, shape: readonly number[], tokens?: number): Dataset {
  const random = randomFrom(3, "graph", ...shape);
  const size = shape.reduce((product, each) => product * each, 1);
  const x = Float32Array.from({ length: samples * size }, () =>
    tokens === undefined ? random.next() : Math.floor(random.next() * tokens),
  );
  const y = Float32Array.from({ length: samples }, (_, i) =>
    Math.floor(((x[i * size] ?? 0) / (tokens ?? 1)) * 3),
  );
  return { x: { shape: [samples, ...shape], values: x }, y: { shape: [samples], values: y } };
}

const DENSE: Layers = [
  { type: "Dense", units: 8, activation: "relu" },
  { type: "Dense", units: 3, activation: "softmax" },
];
const NORMALISED: Layers = [
  { type: "Dense", units: 8 },
  { type: "BatchNormalization" },
  { type: "Activation", activation: "elu" },
  { type: "Dropout", rate: 0.4 },
  { type: "Dense", units: 3, activation: "softmax", kernel_regularizer: "l2" },
];
const IMAGES: Layers = [
  { type: "Conv2D", filters: 4, kernel_size: 3, activation: "relu" },
  { type: "MaxPooling2D", pool_size: 2 },
  { type: "Flatten" },
  { type: "Dropout", rate: 0.25 },
  { type: "Dense", units: 3, activation: "softmax" },
];
const TEXT: Layers = [
  { type: "Embedding", input_dim: 11, output_dim: 4 },
  { type: "LSTM", units: 5, dropout: 0.2 },
  { type: "Dense", units: 3, activation: "softmax" },
];

const MASKED: Layers = [
  { type: "Embedding", input_dim: 11, output_dim: 4, mask_zero: true },
  { type: "GRU", units: 5, reset_after: false },
  { type: "Dense", units: 3, activation: "softmax" },
];

interface Trained {
  readonly weights: Weights;
  readonly losses: readonly number[];
  readonly eagerReason: string | null;
  readonly state: Weights;
  readonly beside: Weights;
}

async function trained(
  shape: readonly number[],
  layers: Layers,
  dataset: Dataset,
  training: object,
  {
    graphs,
    hooks,
    fill,
    models = [],
    ...more
  }: Partial<TrainTask> & {
    graphs: GraphCache | null;
    /** Teachers, with their weights. */
    models?: readonly BuiltModel[];
    hooks?: TrainingHooks;
    /** What all values are that the client keeps, and that come with the version. */
    fill?: { readonly state: number; readonly got: number };
  },
): Promise<Trained> {
  const { tf } = await loadTensors({ prefer: "native" });
  const topology = shortTopology([...shape], layers);
  const model = await buildModel(tf, topology);
  const options = TrainingOptions.parse({ batchSize: 8, localEpochs: 2, ...training });
  model.setWeights(initialWeights(topology, model.shapes, 5));
  const { data: fitted, samples } = fittedData(dataset, model, options.loss);
  const losses: number[] = [];
  const task = {
    topology,
    weights: [],
    training: options,
    seed: 5,
    round: 2,
    clientId: "a",
    ...(fill === undefined
      ? {}
      : {
          state: filled(methodState(null, hooksOf(options), model.shapes), fill.state),
          got: filled(zerosOf(gotShape(options, model.shapes)), fill.got),
        }),
    ...more,
    data: fitted,
    onProgress: ({ loss }: { loss: number }) => losses.push(loss),
  };
  try {
    const { eagerReason, state, beside } = await trainLocally(tf, model, task, samples, {
      graphs,
      teachers: models,
      ...(hooks === undefined ? {} : { hooks }),
    });
    return { weights: model.getWeights(), losses, eagerReason, state, beside };
  } finally {
    model.dispose();
  }
}

function filled(weights: Weights, value: number): Weights {
  return weights.map((weight) => ({ ...weight, values: weight.values.map(() => value) }));
}

function largestDifference(a: Weights, b: Weights): number {
  return Math.max(
    0,
    ...a.flatMap(({ values }, i) =>
      Array.from(values, (value, k) => Math.abs(value - (b[i]?.values[k] ?? Number.NaN))),
    ),
  );
}

const tensorsNow = async () => (await loadTensors({ prefer: "native" })).tf.memory().numTensors;

describe.skipIf(missing !== "")(missing === "" ? "steps as a graph" : `skipped: ${missing}`, () => {
  let watch: GraphWatch | null = null;
  beforeEach(async () => {
    watch = watchGraphs((await loadTensors({ prefer: "native" })).tf);
  });
  afterEach(() => {
    watch?.stop();
    expect(watch?.foldersLeft()).toEqual([]);
  });

  test.each([
    ["dense layers", [4], DENSE, undefined, {}],
    ["a last batch that is smaller", [4], DENSE, undefined, { batchSize: 12 }],
    ["normalisation, dropout and a penalty", [4], NORMALISED, undefined, {}],
    ["images", [8, 8, 1], IMAGES, undefined, {}],
    ["text", [6], TEXT, 11, {}],
    ["text with a mask", [6], MASKED, 11, {}],
    ["sgd", [4], DENSE, undefined, { optimizer: { name: "sgd", learningRate: 0.1 } }],
    ["momentum", [4], DENSE, undefined, { optimizer: { name: "momentum", learningRate: 0.1 } }],
    [
      "adam with small averages",
      [4],
      DENSE,
      undefined,
      { optimizer: { name: "adam", beta1: 0.1, beta2: 0.3 } },
    ],
    ["adamw", [4], NORMALISED, undefined, { optimizer: { name: "adamw", weightDecay: 0.01 } }],
    ["rmsprop", [4], DENSE, undefined, { optimizer: { name: "rmsprop" } }],
    ["adagrad", [4], DENSE, undefined, { optimizer: { name: "adagrad" } }],
    ["clipped gradients", [4], DENSE, undefined, { optimizer: { name: "adam", globalClipNorm: 0.1 } }],
    ["fedprox", [4], DENSE, undefined, { proximalMu: 0.5 }],
  ])("%s: the same weights", async (_what, shape, layers, tokens, training) => {
    const dataset = data(80, shape, tokens);
    const eager = await trained(shape, layers, dataset, training, { graphs: null });
    const before = await tensorsNow();
    const graphs = graphCache();
    const first = await trained(shape, layers, dataset, training, { graphs });
    expect(first.eagerReason).toBeNull();
    expect(largestDifference(first.weights, eager.weights)).toBeLessThan(1e-5);
    // A warm instance takes no step one operation after the other.
    const warm = await trained(shape, layers, dataset, training, { graphs });
    expect(warm.eagerReason).toBeNull();
    expect(largestDifference(warm.weights, eager.weights)).toBeLessThan(1e-5);
    // Its first two steps included: an instance's past leaves no trace in an update.
    expect(largestDifference(warm.weights, first.weights)).toBe(0);
    for (const [i, loss] of eager.losses.entries()) expect(warm.losses[i]).toBeCloseTo(loss, 4);
    expect(await tensorsNow()).toBe(before);
  });

  test.each([
    ["scaffold", { method: "scaffold", optimizer: { name: "sgd", learningRate: 0.1 } }],
    ["feddyn", { method: "feddyn", alpha: 0.2 }],
    ["admm", { method: "admm", rho: 0.2 }],
    ["client-momentum", { method: "client-momentum" }],
  ])("%s: the same weights, kept and sent tensors, whatever the client keeps", async (_what, training) => {
    const dataset = data(80, [4]);
    const graphs = graphCache();
    const before = await tensorsNow();
    for (const [state, got] of [
      [0.05, -0.02],
      [0, 0],
      [-0.1, 0.03],
    ] as const) {
      const more = { fill: { state, got } };
      const eager = await trained([4], DENSE, dataset, training, { graphs: null, ...more });
      const graph = await trained([4], DENSE, dataset, training, { graphs, ...more });
      expect(graph.eagerReason).toBeNull();
      expect(largestDifference(graph.weights, eager.weights)).toBeLessThan(1e-5);
      expect(eager.state.length).toBeGreaterThan(0);
      // A control is a distance divided by steps and rates.
      expect(largestDifference(graph.state, eager.state)).toBeLessThan(1e-5);
      expect(largestDifference(graph.beside, eager.beside)).toBeLessThan(1e-5);
    }
    expect(await tensorsNow()).toBe(before);
  });

  // Adam makes whole steps of the noise in a gradient that is zero, such as of a bias before normalisation.
  test.each<[string, Layers, object]>([
    ["adam", DENSE, {}],
    ["sgd", NORMALISED, { optimizer: { name: "sgd", learningRate: 0.1 } }],
  ])(
    "codistillation with %s: the same weights, with any teachers and any number of them",
    async (_what, layers, more) => {
      const { tf } = await loadTensors({ prefer: "native" });
      const dataset = data(80, [4]);
      const topology = shortTopology([4], layers);
      const training = { method: "codistillation", group: "wards", weight: 2, ...more };
      const graphs = graphCache();
      const before = await tensorsNow();
      const outcomes: Weights[] = [];
      for (const seeds of [[7], [8], [7, 8], [8, 9], [], [7]]) {
        const teachers = await Promise.all(seeds.map(() => buildModel(tf, topology)));
        for (const [i, teacher] of teachers.entries()) {
          teacher.setWeights(initialWeights(topology, teacher.shapes, seeds[i] ?? 0));
        }
        const eager = await trained([4], layers, dataset, training, { graphs: null, models: teachers });
        const graph = await trained([4], layers, dataset, training, { graphs, models: teachers });
        expect(graph.eagerReason).toBeNull();
        expect(largestDifference(graph.weights, eager.weights)).toBeLessThan(1e-5);
        for (const [i, loss] of eager.losses.entries()) expect(graph.losses[i]).toBeCloseTo(loss, 4);
        outcomes.push(graph.weights);
        for (const teacher of teachers) teacher.dispose();
      }
      // Each taught something else: no graph went on with the teachers of the training before.
      for (const [i, one] of outcomes.slice(0, -1).entries()) {
        for (const other of outcomes.slice(i + 1, -1))
          expect(largestDifference(one, other)).toBeGreaterThan(1e-3);
      }
      expect(largestDifference(outcomes[0] ?? [], outcomes.at(-1) ?? [])).toBeLessThan(1e-5);
      expect(await tensorsNow()).toBe(before);
    },
  );

  test("another seed draws other masks, in the graph of the seed before as well", async () => {
    const dataset = data(80, [4]);
    const graphs = graphCache();
    const one = await trained([4], NORMALISED, dataset, {}, { graphs });
    const other = await trained([4], NORMALISED, dataset, {}, { graphs, seed: 6 });
    const eager = await trained([4], NORMALISED, dataset, {}, { graphs: null, seed: 6 });
    expect(largestDifference(one.weights, other.weights)).toBeGreaterThan(1e-3);
    expect(largestDifference(other.weights, eager.weights)).toBeLessThan(1e-5);
  });

  test("a schedule's rate reaches a graph that was recorded in another round", async () => {
    const dataset = data(80, [4]);
    const schedule = { kind: "step", everyRounds: 2, factor: 0.1 };
    const training = { optimizer: { name: "adam", learningRate: 0.05, schedule } };
    const graphs = graphCache();
    await trained([4], DENSE, dataset, training, { graphs, round: 1 });
    const later = await trained([4], DENSE, dataset, training, { graphs, round: 9 });
    const eager = await trained([4], DENSE, dataset, training, { graphs: null, round: 9 });
    expect(largestDifference(later.weights, eager.weights)).toBeLessThan(1e-5);
  });

  test("two trainings at once each have their own", async () => {
    const dataset = data(80, [4]);
    const graphs = graphCache();
    const eager = await trained([4], NORMALISED, dataset, {}, { graphs: null });
    const both = await Promise.all([1, 2].map(() => trained([4], NORMALISED, dataset, {}, { graphs })));
    for (const { weights } of both) expect(largestDifference(weights, eager.weights)).toBeLessThan(1e-5);
  });

  test.each([
    [
      "noise",
      [{ type: "GaussianNoise", stddev: 0.1 }, ...DENSE],
      {},
      /draws other numbers than those of dropout/,
    ],
    [
      "a hook that does something else in each step",
      DENSE,
      {
        hooks: (() => {
          let calls = 0;
          return {
            gradient: <T>(math: { mul(a: T, b: number): T }, { gradient }: { gradient: T }) =>
              math.mul(gradient, 1 + calls++ / 100),
          } as unknown as TrainingHooks;
        })(),
      },
      /its steps differ from one another/,
    ],
  ])("%s goes on one operation after the other, with the reason", async (_what, layers, more, reason) => {
    const before = await tensorsNow();
    const { eagerReason, losses } = await trained(
      [4],
      layers,
      data(80, [4]),
      {},
      { graphs: graphCache(), ...more },
    );
    expect(eagerReason).toMatch(reason);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(await tensorsNow()).toBe(before);
  });

  test("a token that a layer does not know is named by the layer, in a graph as well", async () => {
    const dataset = data(160, [6], 11);
    // In which batches it is depends on the order of the samples; it is one of the last in this one.
    const order = randomFrom(5, 2, "a", "shuffle", 1).order(160);
    dataset.x.values[(order[150] ?? 0) * 6] = 11;
    const tensors = await loadTensors({ prefer: "native" });
    const trainer = createTensorTrainer(tensors);
    const topology = shortTopology([6], TEXT);
    const task = {
      topology,
      weights: initialWeights(topology, await trainer.describe(topology), 5),
      data: dataset,
      training: TrainingOptions.parse({ batchSize: 8 }),
      seed: 5,
      round: 2,
      clientId: "a",
    };
    const before = await tensorsNow();
    await expect(trainer.train(task)).rejects.toThrow(
      /\(Embedding\) takes tokens in 0\.\.10, and 1 of those/,
    );
    expect(await tensorsNow()).toBe(before);
  });

  test("few steps are not worth a graph", async () => {
    let taken = 0;
    const graphs: GraphCache = { take: () => null, put: () => taken++ };
    await trained([4], DENSE, data(20, [4]), { localEpochs: 1 }, { graphs });
    expect(taken).toBe(0);
    await trained([4], DENSE, data(80, [4]), {}, { graphs });
    expect(taken).toBe(1);
  });

  test("hooks after an epoch, and what is kept, see the variables as they are", async () => {
    const seen = { eager: [] as number[], graph: [] as number[] };
    const hooksInto = (into: number[]): TrainingHooks =>
      ({
        afterEpoch: (
          math: { sum(a: Tensor): Tensor },
          { variables, numberOf }: { variables: readonly { value: Tensor }[]; numberOf(a: Tensor): number },
        ) => {
          into.push(...variables.map(({ value }) => numberOf(math.sum(value))));
          return undefined;
        },
      }) as unknown as TrainingHooks;
    const dataset = data(80, [4]);
    await trained([4], DENSE, dataset, {}, { graphs: null, hooks: hooksInto(seen.eager) });
    await trained([4], DENSE, dataset, {}, { graphs: graphCache(), hooks: hooksInto(seen.graph) });
    expect(seen.graph).toHaveLength(8);
    for (const [i, value] of seen.eager.entries()) expect(seen.graph[i]).toBeCloseTo(value, 4);
  });
});
