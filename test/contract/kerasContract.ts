// What every layer, option and loss computes, against what Keras itself made of it (test/vectors/keras):
// either the output before training, and output and weights after three steps are Keras', or the option is
// refused by its name.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { buildModel } from "../../shared/cloud/tensors/layersModel.ts";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import type { Loss } from "../../shared/core/schemas/loss.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { refusedByName } from "./kerasRefused.ts";

export interface Values {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

interface Case {
  readonly name: string;
  readonly loss: string;
  readonly topology: { readonly class_name: string };
  readonly x?: Values;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly weights: Readonly<Record<string, Values>>;
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../vectors/keras/layers.json", import.meta.url), "utf8"),
);

const SAMPLES = 3;

/** As layers.py has it. */
function wave(shape: readonly number[], phase: number): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: count }, (_, k) => 0.6 * Math.sin(1.3 * k + phase));
}

const byCodePoint = (a: string, b: string) => (a < b ? -1 : 1);

function initialOf(weights: Case["weights"]): Weights {
  const names = Object.keys(weights).toSorted(byCodePoint);
  return names.map((name, place) => {
    const shape = weights[name]?.shape ?? [];
    const values = wave(shape, place + 0.9);
    const positive = name.endsWith("moving_variance");
    return { name, shape, values: positive ? values.map((value) => Math.abs(value) + 0.5) : values };
  });
}

function labelsOf(loss: Loss, output: readonly number[]): { shape: readonly number[]; values: Float32Array } {
  const count = output.reduce((product, size) => product * size, 1);
  const classes = output.at(-1) ?? 1;
  switch (loss) {
    case "sparseCategoricalCrossentropy":
      return {
        shape: output.slice(0, -1),
        values: Float32Array.from({ length: count / classes }, (_, k) => k % classes),
      };
    case "categoricalCrossentropy":
      return {
        shape: output,
        values: Float32Array.from({ length: count }, (_, k) =>
          Math.floor(k / classes) % classes === k % classes ? 1 : 0,
        ),
      };
    case "binaryCrossentropy":
      return { shape: output, values: Float32Array.from({ length: count }, (_, k) => k % 2) };
    default:
      return { shape: output, values: wave(output, 0.4) };
  }
}

/** With the batch; the one dimension that a model leaves open follows from the number of values. */
function outputShapeOf(sample: readonly (number | null)[], values: number): readonly number[] {
  const known = sample.reduce<number>((product, size) => product * Math.max(1, size ?? 1), SAMPLES);
  return [SAMPLES, ...sample.map((size) => (size === null || size < 0 ? values / known : size))];
}

export function distance(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  return expected.reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - (actual[i] ?? Number.NaN)) / Math.max(1, Math.abs(value)));
  }, 0);
}

/** `lacking`: cases that a backend may lack a kernel for; then it must say so. */
export function kerasContract(load: () => Promise<Tensors>, lacking: readonly RegExp[]): void {
  describe("as Keras computes it", () => {
    test("every case that is refused is a case", () => {
      const names = new Set(cases.map(({ name }) => name));
      expect(Object.keys(refusedByName).filter((name) => !names.has(name))).toEqual([]);
    });

    test.each(cases.map((entry) => [entry.name, entry] as const))("%s", async (name, entry) => {
      const loss = entry.loss.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()) as Loss;
      const topology: LayersTopology = { model_config: entry.topology };
      const problems = modelProblems(topology, loss);
      const reason = refusedByName[name];
      if (reason !== undefined) {
        expect(problems.join("; ")).toContain(reason);
        return;
      }
      expect(problems).toEqual([]);
      const tensors = await load();
      const { tf } = tensors;
      const weights = initialOf(entry.weights);
      const model = await buildModel(tf, topology);
      try {
        const inputShape = model.inputShape.map((size) => size ?? 0);
        const x = entry.x ?? { shape: [SAMPLES, ...inputShape], values: wave([SAMPLES, ...inputShape], 0.2) };
        const data = {
          x: { shape: x.shape, values: Float32Array.from(x.values) },
          y: labelsOf(loss, outputShapeOf(model.outputShape, entry.before.length)),
        };
        const output = (given: Weights) => {
          model.setWeights(given);
          return tf.tidy(() =>
            model.apply(tf.tensor(data.x.values, [...data.x.shape]), { training: false }).output.dataSync(),
          );
        };
        const optimizer = { name: "sgd", learningRate: 0.1 } as const;
        const training = createTensorTrainer(tensors).train({
          topology,
          weights,
          data,
          training: { method: "fedprox", localEpochs: 3, batchSize: SAMPLES, optimizer, loss, proximalMu: 0 },
          seed: 1,
          round: 1,
          clientId: "a",
        });
        if (lacking.some((pattern) => pattern.test(name))) {
          const failure = await training.then(
            () => null,
            (error: unknown) => error,
          );
          if (failure !== null) {
            expect(failure).toBeInstanceOf(FlError);
            expect(String(failure)).toMatch(
              /The wasm backend (lacks \w+|cannot train the layer .*), which this model needs/,
            );
            return;
          }
        }
        const { weights: trained } = await training;
        expect(distance(output(weights), entry.before), "output before training").toBeLessThan(1e-5);
        for (const { name: parameter, values } of trained) {
          const wanted = entry.weights[parameter]?.values ?? [];
          expect(distance(values, wanted), `${parameter} after three steps`).toBeLessThan(1e-5);
        }
        expect(distance(output(trained), entry.after), "output after three steps").toBeLessThan(1e-5);
      } finally {
        model.dispose();
      }
    });
  });
}

/** Models that TensorFlow.js writes down itself, whole, in the words of Keras 2. */
const written: Readonly<Record<string, (tf: Tensors["tf"]) => LayersModel>> = {
  "a chain of images, unnamed": ({ layers: L, sequential }) =>
    sequential({
      layers: [
        L.conv2d({ inputShape: [6, 6, 1], filters: 2, kernelSize: 3, padding: "same", activation: "relu" }),
        L.batchNormalization(),
        L.maxPooling2d({ poolSize: 2 }),
        L.flatten(),
        L.dropout({ rate: 0.5 }),
        L.dense({ units: 3, activation: "softmax", kernelRegularizer: "l1l2" }),
      ],
    }),
  "a graph with a model and a layer that are used twice": ({ layers: L, input, model, sequential }) => {
    const x = input({ shape: [4], name: "x" });
    const first = L.dense({ inputShape: [4], units: 4, activation: "tanh", name: "in_a" });
    const inner = sequential({ name: "inner", layers: [first, L.batchNormalization({ name: "in_b" })] });
    const twice = L.dense({ units: 4, name: "twice" });
    const sum = L.add({ name: "sum" }).apply([x, inner.apply(twice.apply(x)) as SymbolicTensor]);
    const z = inner.apply(twice.apply(sum));
    const outputs = L.dense({ units: 3, activation: "softmax", name: "out" }).apply(z) as SymbolicTensor;
    return model({ name: "g", inputs: x, outputs });
  },
  "a graph that ends in a model": ({ layers: L, input, model, sequential }) => {
    const x = input({ shape: [5, 2], name: "x" });
    const last = L.dense({ inputShape: [4], units: 3, activation: "softmax", name: "in_a" });
    const inner = sequential({ name: "inner", layers: [last] });
    const cell = L.lstm({ units: 2, recurrentActivation: "sigmoid", name: "cell" }) as RNN;
    const both = L.bidirectional({ layer: cell, mergeMode: "concat", name: "both" }).apply(x);
    return model({ name: "g", inputs: x, outputs: inner.apply(both) as SymbolicTensor });
  },
};

/** The files that such a model may come in. */
const files: Readonly<Record<string, (json: object) => unknown>> = {
  "as `toJSON` gives it": (json) => json,
  "as `save` puts it into a model.json": (json) => ({
    modelTopology: json,
    weightsManifest: [{ paths: ["weights.bin"], weights: [] }],
    format: "layers-model",
    generatedBy: "TensorFlow.js tfjs-layers v4.22.0",
    convertedBy: null,
  }),
  "as a converter of Keras 2 puts it into a model.json": (json) => ({
    format: "layers-model",
    generatedBy: "keras v2.15.0",
    convertedBy: "TensorFlow.js Converter v4.22.0",
    modelTopology: {
      keras_version: "2.15.0",
      backend: "tensorflow",
      model_config: json,
      training_config: {
        loss: "sparse_categorical_crossentropy",
        metrics: [["accuracy"]],
        weighted_metrics: null,
        loss_weights: null,
        optimizer_config: {
          class_name: "Custom>Adam",
          config: { name: "Adam", weight_decay: null, learning_rate: 0.001, beta_1: 0.9, amsgrad: false },
        },
      },
    },
    weightsManifest: [],
  }),
};

type LayersModel = ReturnType<Tensors["tf"]["sequential"]> | ReturnType<Tensors["tf"]["model"]>;
type SymbolicTensor = ReturnType<Tensors["tf"]["input"]>;
type RNN = ReturnType<Tensors["tf"]["layers"]["rnn"]>;

/** The same model when it is read again, however it comes. */
export function writtenContract(load: () => Promise<Tensors>): void {
  describe.each(Object.entries(written))("%s, as TensorFlow.js writes it", (_model, make) => {
    test.each(Object.entries(files))("%s", async (_file, fileOf) => {
      const { tf } = await load();
      const model = make(tf);
      const json = JSON.parse(JSON.stringify(fileOf(model.toJSON(null, false) as object)));
      const spec = { name: "n", model: { layers: json }, selection: { strategy: "random", cohortSize: 1 } };
      const parsed = RunSpec.parse(spec).model;
      const topology = givenTopology(parsed);
      expect(modelProblems(topology, "sparseCategoricalCrossentropy")).toEqual([]);
      const read = await buildModel(tf, topology);
      try {
        const weights = initialWeights(topology, read.shapes, 3);
        expect(weights.map(({ name }) => name)).toEqual(
          model.weights.map(({ originalName }) => originalName),
        );
        read.setWeights(weights);
        tf.tidy(() => model.setWeights(weights.map(({ values, shape }) => tf.tensor(values, [...shape]))));
        const shape = [SAMPLES, ...read.inputShape.map((size) => size ?? 0)];
        const outputs = tf.tidy(() => {
          const x = tf.tensor(wave(shape, 0.2), shape);
          const theirs = model.predict(x) as typeof x;
          return [read.apply(x, { training: false }).output.dataSync(), theirs.dataSync()];
        });
        expect(distance(outputs[0] ?? [], [...(outputs[1] ?? [])])).toBeLessThan(1e-6);
      } finally {
        read.dispose();
        model.dispose();
      }
    });
  });
}
