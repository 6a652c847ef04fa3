// What local training does to the parameters of every kind, and what it tells when it cannot go on; on each backend.
import { describe, expect, test } from "vitest";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { fedavg } from "../../shared/core/aggregation/fedavg.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import type { Dataset, TrainTask } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import { turnIntoDelta } from "../../shared/core/updates/delta.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
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
  training: Partial<TrainTask["training"]> = {},
  changes: Partial<TrainTask> = {},
): TrainTask => ({
  topology,
  weights,
  data: blobs(30, 1),
  training: {
    localEpochs: 1,
    batchSize: 10,
    optimizer: { name: "sgd", learningRate: 0.1 },
    loss: "sparseCategoricalCrossentropy",
    proximalMu: 0,
    ...training,
  },
  seed: 1,
  clientId: "a",
  ...changes,
});

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

      test("are told within layers that wrap others", async () => {
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
        expect(roles.filter((told) => !told.endsWith("trained"))).toEqual([
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
        expect(roles.filter((told) => !told.endsWith("frozen"))).toEqual([
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
        const state = fedavg.init(shapes);
        const base = at(round - 1);
        for (const clientId of ["a", "b"]) {
          fedavg.add(state, { ...(await sendFrom(base, clientId)), stalenessWeight: 1 });
        }
        // Three times as heavy as the two in time, and two rounds old.
        const late = await sendFrom(at(Math.max(0, round - 3)), "late");
        fedavg.add(state, { ...late, samples: 180, stalenessWeight: 1 });
        versions.push(fedavg.finish(state, copy(base)));
        const variance = named(at(round), "n/moving_variance");
        expect(Math.min(...variance), `round ${round}`).toBeGreaterThan(0);
        const task = { topology, weights: at(round), data: narrow(30), batchSize: 10 };
        const { loss } = await trainer.evaluate({ ...task, loss: "sparseCategoricalCrossentropy" });
        expect(loss, `round ${round}`).toBeLessThan(5);
      }
    });
  });
}
