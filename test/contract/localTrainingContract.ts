// What local training does to the parameters of every kind, and what it reports when it cannot continue; on
// each backend.
import { describe, expect, test } from "vitest";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import type { FedproxOptions } from "../../shared/core/methods/training/fedprox/face.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import type { Dataset, TrainTask } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import { turnIntoDelta } from "../../shared/core/updates/delta.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { Averaging } from "../support/averaging.ts";
import saturated from "../vectors/saturatedLosses.json" with { type: "json" };
import { blobs } from "./trainerContract.ts";

type LayerList = readonly (readonly [string, Record<string, unknown>])[];

const sequence = (...layers: LayerList): LayersTopology => ({ model_config: nested("m", ...layers) });

const nested = (name: string, ...layers: LayerList) => ({
  class_name: "Sequential",
  config: { name, layers: layers.map(([className, config]) => ({ class_name: className, config })) },
});

const input = { batch_input_shape: [null, 4] };
const softmax = ["Dense", { name: "out", units: 3, activation: "softmax" }] as const;

const trainingTask = (
  topology: LayersTopology,
  weights: Weights,
  training: Partial<FedproxOptions> = {},
  changes: Partial<TrainTask> = {},
): TrainTask => ({
  topology,
  weights,
  data: blobs(30, 1),
  training: {
    method: "fedprox",
    localEpochs: 1,
    batchSize: 10,
    optimizer: { name: "sgd", learningRate: 0.1 },
    loss: "sparseCategoricalCrossentropy",
    proximalMu: 0,
    ...training,
  },
  seed: 1,
  round: 1,
  clientId: "a",
  ...changes,
});

function expectNear(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => {
    expect(value, `value ${i}`).toBeCloseTo(expected[i] ?? Number.NaN, 3);
  });
}

const named = (list: Weights, name: string) => [
  ...(list.find((weight) => weight.name === name)?.values ?? []),
];

export function localTrainingContract(name: string, load: () => Promise<Tensors>): void {
  describe(name, () => {
    const trainerOf = async () => createTensorTrainer(await load());
    const initial = async (topology: LayersTopology) =>
      initialWeights(topology, await (await trainerOf()).describe(topology), 5);

    describe("parameters that no gradient moves", () => {
      const rolesOf = async (topology: LayersTopology) =>
        (await (await trainerOf()).describe(topology)).map(({ name, role = "trained", min }) =>
          [name, role, ...(min === undefined ? [] : [min])].join(" "),
        );

      test("are statistics of layers that learn, and frozen in layers that do not", async () => {
        const topology = sequence(
          ["Dense", { name: "fixed", units: 4, trainable: false, ...input }],
          ["BatchNormalization", { name: "live" }],
          ["BatchNormalization", { name: "still", trainable: false }],
          softmax,
        );
        expect((await rolesOf(topology)).toSorted()).toEqual([
          "fixed/bias frozen",
          "fixed/kernel frozen",
          "live/beta trained",
          "live/gamma trained",
          "live/moving_mean statistic",
          "live/moving_variance statistic 0",
          "out/bias trained",
          "out/kernel trained",
          "still/beta frozen",
          "still/gamma frozen",
          "still/moving_mean frozen",
          "still/moving_variance frozen",
        ]);
      });

      test("are known within layers that wrap others", async () => {
        const topology = sequence(
          [
            "TimeDistributed",
            {
              name: "each",
              batch_input_shape: [null, 3, 4],
              layer: { class_name: "BatchNormalization", config: { name: "norm" } },
            },
          ],
          [
            "Bidirectional",
            {
              name: "both",
              layer: { class_name: "GRU", config: { name: "g", units: 2 } },
              merge_mode: "concat",
            },
          ],
          softmax,
        );
        const roles = await rolesOf(topology);
        expect(roles.filter((role) => !role.endsWith("trained"))).toEqual([
          expect.stringMatching(/moving_mean statistic$/),
          expect.stringMatching(/moving_variance statistic 0$/),
        ]);
      });

      test("are frozen in frozen layers within models and wrappers", async () => {
        const still = { trainable: false };
        const inner = nested(
          "inner",
          ["BatchNormalization", { name: "n", ...still, batch_input_shape: [null, 3, 4] }],
          ["Dense", { name: "d", units: 4, ...still }],
        );
        const gru = { class_name: "GRU", config: { name: "g", units: 2, ...still } };
        const topology: LayersTopology = {
          model_config: {
            class_name: "Sequential",
            config: {
              name: "m",
              layers: [
                inner,
                { class_name: "Bidirectional", config: { name: "both", layer: gru, merge_mode: "concat" } },
                { class_name: "Dense", config: softmax[1] },
              ],
            },
          },
        };
        const roles = await rolesOf(topology);
        expect(roles.filter((role) => !role.endsWith("frozen"))).toEqual([
          "out/kernel trained",
          "out/bias trained",
        ]);
        expect(roles).toHaveLength(2 + 6 + 6);
      });
    });

    test("batch normalisation survives updates that come late from old versions", async () => {
      const trainer = await trainerOf();
      const topology = sequence(["BatchNormalization", { name: "n", momentum: 0.5, ...input }], softmax);
      const shapes = await trainer.describe(topology);
      const random = randomFrom("narrow");
      // Far narrower than the initial variance of 1, which therefore falls in every round.
      const narrow = (count: number): Dataset => ({
        x: {
          shape: [count, 4],
          values: Float32Array.from({ length: count * 4 }, () => 0.05 * random.normal()),
        },
        y: { shape: [count], values: Float32Array.from({ length: count }, (_, i) => i % 3) },
      });
      const sendFrom = async (weights: Weights, clientId: string) => {
        const data = narrow(30);
        const trained = await trainer.train(trainingTask(topology, weights, {}, { data, clientId }));
        return { delta: turnIntoDelta(trained.weights, weights, shapes), samples: 30 };
      };
      const copy = (weights: Weights) =>
        weights.map((weight) => ({ ...weight, values: weight.values.slice() }));
      const versions = [await initial(topology)];
      const at = (version: number) => versions[version] ?? [];
      for (let round = 1; round <= 4; round++) {
        const state = new Averaging(shapes);
        const base = at(round - 1);
        for (const clientId of ["a", "b"]) {
          state.add({ ...(await sendFrom(base, clientId)), stalenessWeight: 1 });
        }
        // Three times as heavy as the two in time, and two rounds old.
        const late = await sendFrom(at(Math.max(0, round - 3)), "late");
        state.add({ ...late, samples: 180, stalenessWeight: 1 });
        versions.push(state.finish(copy(base)));
        const variance = named(at(round), "n/moving_variance");
        expect(Math.min(...variance), `round ${round}`).toBeGreaterThan(0);
        const task = { topology, weights: at(round), data: narrow(30), batchSize: 10 };
        const { loss } = await trainer.evaluate({ ...task, loss: "sparseCategoricalCrossentropy" });
        expect(loss, `round ${round}`).toBeLessThan(5);
      }
    });

    describe("a loss where a prediction is all but certain", () => {
      const { steps, cases } = saturated;
      const losses = {
        sparse_categorical_crossentropy: "sparseCategoricalCrossentropy",
        categorical_crossentropy: "categoricalCrossentropy",
        binary_crossentropy: "binaryCrossentropy",
      } as const;
      const lastLayers = (how: string, units: number, activation: string): LayerList => {
        const zero = { name: "out", units, batch_input_shape: [null, 1] };
        if (how === "Softmax")
          return [
            ["Dense", zero],
            ["Softmax", { name: "end", axis: -1 }],
          ];
        if (how === "Activation")
          return [
            ["Dense", zero],
            ["Activation", { name: "end", activation }],
          ];
        return [["Dense", { ...zero, activation }]];
      };
      const rowOf = (values: readonly number[]) => ({
        shape: [1, values.length],
        values: Float32Array.from(values),
      });

      test.each(
        cases.map(
          (one) => [`${one.how} ${one.activation} ${one.loss} ${one.bias} to ${one.label}`, one] as const,
        ),
      )("trains as in Keras: %s", async (_, { how, activation, learningRate, bias, label, ...one }) => {
        const topology = sequence(...lastLayers(how, bias.length, activation));
        const weights: Weights = [
          { name: "out/kernel", shape: [1, bias.length], values: new Float32Array(bias.length) },
          { name: "out/bias", shape: [bias.length], values: Float32Array.from(bias) },
        ];
        const y = typeof label === "number" ? { shape: [1], values: Float32Array.of(label) } : rowOf(label);
        const loss = losses[one.loss as keyof typeof losses];
        const options = { loss, localEpochs: steps, optimizer: { name: "sgd", learningRate } } as const;
        const { tf } = await load();
        const before = tf.memory().numTensors;
        const task = trainingTask(topology, weights, options, { data: { x: rowOf([0]), y } });
        const trained = await (await trainerOf()).train(task);
        expect(tf.memory().numTensors).toBe(before);
        expect(Math.abs(trained.lossBefore - one.lossBefore)).toBeLessThan(
          1e-5 * Math.max(1, one.lossBefore),
        );
        expect(Math.abs(trained.lossAfter - one.lossAfter)).toBeLessThan(1e-5 * Math.max(1, one.lossAfter));
        named(trained.weights, "out/bias").forEach((value, i) => {
          const wanted = one.biasAfter[i] ?? Number.NaN;
          expect(Math.abs(value - wanted), `bias ${i}`).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted)));
        });
      });

      test("is differentiated through softmax in TimeDistributed and in a model within the model, too", async () => {
        const dense = { class_name: "Dense", config: { name: "out", units: 3, activation: "softmax" } };
        const spread = { name: "t", layer: dense, batch_input_shape: [null, 2, 1] };
        const inner = nested("inner", ["Dense", { ...dense.config, batch_input_shape: [null, 1] }]);
        const within: LayersTopology = {
          model_config: {
            class_name: "Sequential",
            config: {
              name: "m",
              layers: [inner],
            },
          },
        };
        for (const [topology, positions] of [
          [sequence(["TimeDistributed", spread]), 2],
          [within, 1],
        ] as const) {
          const weights = (await initial(topology)).map((weight) => ({
            ...weight,
            values: Float32Array.from(weight.values, (_, i) =>
              weight.name.endsWith("bias") && i === 1 ? 25 : 0,
            ),
          }));
          const shape = positions === 1 ? [1, 1] : [1, positions, 1];
          const x = { shape, values: new Float32Array(positions) };
          const y = { shape: shape.slice(0, -1), values: new Float32Array(positions) };
          const options = { localEpochs: 20, optimizer: { name: "sgd", learningRate: 1 } } as const;
          const trained = await (await trainerOf()).train(
            trainingTask(topology, weights, options, { data: { x, y } }),
          );
          const [bias = []] = trained.weights
            .filter(({ name }) => name.endsWith("bias"))
            .map(({ values }) => [...values]);
          expectNear(bias, [13.8616, 11.1384, 0]);
        }
      });
    });

    describe("a failure says what its owner can put right", () => {
      const dense = sequence(["Dense", { ...softmax[1], ...input }]);

      /** What training and scoring say of this data; both are to leave no tensors. */
      const failures = async (topology: LayersTopology, data: Dataset) => {
        const trainer = await trainerOf();
        const weights = await initial(topology);
        const { tf } = await load();
        const before = tf.memory().numTensors;
        const task = trainingTask(topology, weights, {}, { data });
        const scored = { topology, weights, data, loss: task.training.loss, batchSize: 5 };
        const failed = await Promise.allSettled([trainer.train(task), trainer.evaluate(scored)]);
        expect(tf.memory().numTensors, "tensors left behind").toBe(before);
        return failed.map((result) => (result.status === "rejected" ? result.reason : "it did not fail"));
      };
      const withValues = (name: "x" | "y", values: Record<number, number>): Dataset => {
        const data = blobs(10, 1);
        const changed = data[name].values.slice();
        for (const [at, value] of Object.entries(values)) changed[Number(at)] = value;
        return { ...data, [name]: { ...data[name], values: changed } };
      };

      test.each([
        ["x", { 9: Number.NaN, 13: Number.NaN }, "x has 2 NaN of 40, the first in row 2"],
        [
          "x",
          { 0: Number.POSITIVE_INFINITY, 39: Number.NEGATIVE_INFINITY },
          "x has 2 infinite of 40, the first in row 0",
        ],
        [
          "x",
          { 38: Number.NEGATIVE_INFINITY, 39: Number.NaN },
          "x has 1 NaN and 1 infinite of 40, the first in row 9",
        ],
        ["y", { 3: Number.NaN }, "y has 1 NaN of 10, the first in row 3"],
      ] as const)("where %s holds %j", async (name, values, described) => {
        for (const failure of await failures(dense, withValues(name, values))) {
          expect(failure).toMatchObject({ code: "invalid-argument", retry: "never" });
          expect(failure.message).toContain(
            `The data hold values that are not numbers: the tensor ${described}.`,
          );
          expect(failure.message).not.toContain("learningRate");
        }
      });

      test.each([
        [[1, 99, 2], 1],
        [[-1, 2, 10], 2],
      ])("where the tokens %j are beyond an embedding", async (tokens, outside) => {
        const topology = sequence(
          ["Embedding", { name: "words", input_dim: 10, output_dim: 4, batch_input_shape: [null, 3] }],
          ["Flatten", { name: "flat" }],
          softmax,
        );
        const data = {
          x: { shape: [1, 3], values: Float32Array.from(tokens) },
          y: { shape: [1], values: Float32Array.of(1) },
        };
        for (const failure of await failures(topology, data)) {
          expect(failure).toMatchObject({ code: "invalid-argument", retry: "never" });
          expect(failure.message).toBe(
            `The layer "words" (Embedding) takes tokens in 0..9, and ${outside} of those in a batch are not: ` +
              "number the tokens as the model does, or give the layer a larger input_dim.",
          );
        }
      });

      test("where a sequence is shorter than a window", async () => {
        const topology = sequence(
          ["Conv1D", { name: "window", filters: 2, kernel_size: 5, batch_input_shape: [null, null, 1] }],
          ["GlobalMaxPooling1D", { name: "max" }],
          softmax,
        );
        const data = {
          x: { shape: [1, 3, 1], values: Float32Array.of(1, 2, 3) },
          y: { shape: [1], values: Float32Array.of(1) },
        };
        for (const failure of await failures(topology, data)) {
          expect(failure).toMatchObject({ code: "invalid-argument", retry: "never" });
          expect(failure.message).toContain("window");
        }
      });
    });

    describe("what training draws", () => {
      /** Inputs of ones, so that a masked one shows as a weight that does not move. */
      const ones = (samples: number, ...shape: number[]): Dataset => ({
        x: {
          shape: [samples, ...shape],
          values: new Float32Array(samples * shape.reduce((size, dimension) => size * dimension, 1)).fill(1),
        },
        y: { shape: [samples, 1], values: new Float32Array(samples).fill(3) },
      });
      const vector = { batch_input_shape: [null, 64] };
      const steps = { batch_input_shape: [null, 2, 64] };
      const images = { batch_input_shape: [null, 2, 3, 3, 4] };
      const one = ["Dense", { name: "out", units: 1 }] as const;
      const flatten = ["Flatten", { name: "flat" }] as const;
      const recurrent = { name: "r", units: 4, ...steps };
      const cell = { units: 4, dropout: 0.5, recurrent_dropout: 0.5 };

      const drawing: Record<string, { readonly shape: readonly number[]; readonly layers: LayerList }> = {
        Dropout: { shape: [64], layers: [["Dropout", { name: "d", rate: 0.5, ...vector }], one] },
        "Dropout with a seed in the topology": {
          shape: [64],
          layers: [["Dropout", { name: "d", rate: 0.5, seed: 7, ...vector }], one],
        },
        GaussianNoise: {
          shape: [64],
          layers: [["GaussianNoise", { name: "d", stddev: 0.5, ...vector }], one],
        },
        GaussianDropout: {
          shape: [64],
          layers: [["GaussianDropout", { name: "d", rate: 0.5, ...vector }], one],
        },
        AlphaDropout: { shape: [64], layers: [["AlphaDropout", { name: "d", rate: 0.5, ...vector }], one] },
        "Dropout in TimeDistributed": {
          shape: [2, 64],
          layers: [
            [
              "TimeDistributed",
              { name: "t", layer: { class_name: "Dropout", config: { name: "d", rate: 0.5 } }, ...steps },
            ],
            flatten,
            one,
          ],
        },
        ...Object.fromEntries(
          ["SimpleRNN", "GRU", "LSTM"].flatMap((className) => [
            [
              `dropout in ${className}`,
              { shape: [2, 64], layers: [[className, { ...recurrent, dropout: 0.5 }], one] },
            ],
            [
              `recurrent dropout in ${className}`,
              { shape: [2, 64], layers: [[className, { ...recurrent, recurrent_dropout: 0.5 }], one] },
            ],
            [
              `a cell of ${className}`,
              {
                shape: [2, 64],
                layers: [
                  [
                    "RNN",
                    {
                      name: "r",
                      cell: { class_name: `${className}Cell`, config: { name: "c", ...cell } },
                      ...steps,
                    },
                  ],
                  one,
                ],
              },
            ],
          ]),
        ),
        "stacked cells": {
          shape: [2, 64],
          layers: [
            [
              "RNN",
              {
                name: "r",
                cell: {
                  class_name: "StackedRNNCells",
                  config: { name: "s", cells: [{ class_name: "GRUCell", config: { name: "c", ...cell } }] },
                },
                ...steps,
              },
            ],
            one,
          ],
        },
        ConvLSTM2D: {
          shape: [2, 3, 3, 4],
          layers: [
            [
              "ConvLSTM2D",
              { name: "r", filters: 2, kernel_size: 2, dropout: 0.5, recurrent_dropout: 0.5, ...images },
            ],
            flatten,
            one,
          ],
        },
        "LSTM in Bidirectional": {
          shape: [2, 64],
          layers: [
            [
              "Bidirectional",
              {
                name: "b",
                layer: {
                  class_name: "LSTM",
                  config: { name: "l", units: 4, dropout: 0.5, recurrent_dropout: 0.5 },
                },
                merge_mode: "concat",
                ...steps,
              },
            ],
            one,
          ],
        },
      };

      const trainOn = async (name: string, changes: Partial<TrainTask> = {}) => {
        const { shape = [], layers = [] } = drawing[name] ?? {};
        const topology = sequence(...layers);
        const weights = await initial(topology);
        const options = { loss: "meanSquaredError", localEpochs: 2, batchSize: 2 } as const;
        const training = { ...options, optimizer: { name: "sgd", learningRate: 1e-3 } } as const;
        const task = trainingTask(topology, weights, training, { data: ones(4, ...shape), ...changes });
        const { tf } = await load();
        const before = tf.memory().numTensors;
        const result = await (await trainerOf()).train(task);
        expect(tf.memory().numTensors, "tensors left behind").toBe(before);
        return result.weights;
      };

      test.each(Object.keys(drawing))("follows from seed, round and client: %s", async (name) => {
        const own = Math.random;
        const first = await trainOn(name);
        Math.random(); // What else the process draws makes no difference.
        expect(await trainOn(name)).toEqual(first);
        // That each of the three counts is the stream's affair, which all of these share.
        const changes = name === "Dropout" ? [{ seed: 2 }, { round: 2 }, { clientId: "b" }] : [{ round: 2 }];
        for (const change of changes) {
          expect(await trainOn(name, change), JSON.stringify(change)).not.toEqual(first);
        }
        expect(Math.random).toBe(own);
      });

      test.each([
        ["Dropout", "out/kernel"],
        ["Dropout with a seed in the topology", "out/kernel"],
        ["dropout in LSTM", "r/kernel"],
        ["recurrent dropout in GRU", "r/recurrent_kernel"],
        ["a cell of SimpleRNN", "r/kernel"],
        ["a cell of LSTM", "r/kernel"],
        ["stacked cells", "r/kernel"],
      ])("differs in every step: %s", async (name, parameter) => {
        const topology = sequence(...(drawing[name]?.layers ?? []));
        const before = await initial(topology);
        const find = (list: Weights) =>
          list.find((weight) => weight.name === parameter) ??
          list.find((weight) => weight.name.endsWith("kernel"));
        const still = (after: Weights) => {
          const [from, to] = [find(before)?.values ?? [], find(after)?.values ?? []];
          return [...from].filter((value, i) => value === to[i]).length / from.length;
        };
        // Half of the inputs are masked in a step; by one mask in all six, half of the weights would never
        // move.
        const data = ones(1, ...(drawing[name]?.shape ?? []));
        const all = { localEpochs: 6, batchSize: 1, loss: "meanSquaredError" } as const;
        const task = trainingTask(topology, before, all, { data });
        const optimizer = { name: "sgd", learningRate: 1e-2 } as const;
        const { weights } = await (await trainerOf()).train({
          ...task,
          training: { ...task.training, optimizer },
        });
        expect(still(weights)).toBeLessThan(0.4);
      });

      test("the order of the samples is another in every round and epoch", async () => {
        const trainer = await trainerOf();
        const topology = sequence([
          "Dense",
          { name: "out", units: 1, use_bias: false, batch_input_shape: [null, 8] },
        ]);
        // Sample i has its own input, so the weights that move within one step show which samples it held.
        const data: Dataset = {
          x: { shape: [8, 8], values: Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0)) },
          y: { shape: [8, 1], values: new Float32Array(8).fill(3) },
        };
        const weights = [{ name: "out/kernel", shape: [8, 1], values: new Float32Array(8) }];
        const firstBatch = async (round: number) => {
          let checks = 0;
          const options = { loss: "meanSquaredError", batchSize: 4 } as const;
          const task = trainingTask(topology, weights, options, { data, round, deadlineMs: 1_000 });
          const now = Date.now;
          Date.now = () => (checks++ === 0 ? 0 : 2_000); // The deadline passes after the first step.
          try {
            const { weights: after, steps } = await trainer.train(task);
            expect(steps).toBe(1);
            return named(after, "out/kernel")
              .map((value) => (value === 0 ? "." : "x"))
              .join("");
          } finally {
            Date.now = now;
          }
        };
        const firsts = [];
        for (let round = 1; round <= 12; round++) firsts.push(await firstBatch(round));
        expect(await firstBatch(1)).toBe(firsts[0]);
        expect(new Set(firsts).size).toBeGreaterThan(6);
        for (let sample = 0; sample < 8; sample++) {
          expect(
            firsts.some((first) => first[sample] === "x"),
            `sample ${sample} is seen`,
          ).toBe(true);
        }
      });
    });
  });
}
