// What every trainer does, whatever it computes with: one suite for TensorFlow on each backend and for the
// test trainer.
import { describe, expect, test } from "vitest";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import type { Dataset, Trainer, TrainTask } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";

const spec = modelSpec("tiny-mlp");
const topology = toLayersTopology(spec);
const weights = initialWeights(topology, parameterShapes(spec), 3);

/** Samples of three classes, each about a corner of its own. */
export function blobs(samples: number, seed: number): Dataset {
  const random = randomFrom(seed, "blobs");
  const labels = Float32Array.from({ length: samples }, (_, i) => i % 3);
  const values = Float32Array.from({ length: samples * 4 }, (_, i) => {
    const label = labels[Math.floor(i / 4)] ?? 0;
    return (i % 4 === label ? 2 : 0) + 0.3 * random.normal();
  });
  return { x: { shape: [samples, 4], values }, y: { shape: [samples], values: labels } };
}

const task = (changes: Partial<TrainTask> = {}): TrainTask => ({
  topology,
  weights,
  data: blobs(50, 1),
  training: {
    method: "fedprox",
    localEpochs: 3,
    batchSize: 16,
    optimizer: { name: "adam", learningRate: 0.01, beta1: 0.9, beta2: 0.999 },
    loss: "sparseCategoricalCrossentropy",
    proximalMu: 0,
  },
  seed: 11,
  round: 1,
  clientId: "hospital-a",
  ...changes,
});

/** @param load may be slow the first time */
export function trainerContract(name: string, load: () => Promise<Trainer>): void {
  describe(name, () => {
    test("trains: fewer losses, in steps of a batch, the last one smaller", async () => {
      const result = await (await load()).train(task());
      expect(result.steps).toBe(3 * 4);
      expect(result.samples).toBe(50);
      expect(result.partial).toBe(false);
      expect(result.lossAfter).toBeLessThan(result.lossBefore);
      expect(result.weights.map(({ name, shape }) => ({ name, shape }))).toEqual(parameterShapes(spec));
      for (const { name, shape, values } of result.weights) {
        expect(values, name).toHaveLength(shape.reduce((size, dimension) => size * dimension, 1));
        expect(values.every(Number.isFinite), name).toBe(true);
      }
      for (const ms of Object.values(result.timings)) expect(ms).toBeGreaterThanOrEqual(0);
    });

    test("gives the same weights for the same task, and other weights for another client or seed", async () => {
      const trainer = await load();
      const first = await trainer.train(task());
      expect((await trainer.train(task())).weights).toEqual(first.weights);
      expect((await trainer.train(task({ clientId: "hospital-b" }))).weights).not.toEqual(first.weights);
      expect((await trainer.train(task({ seed: 12 }))).weights).not.toEqual(first.weights);
    });

    test("leaves the task as it was, and shares no memory with it", async () => {
      const given = task();
      const copy = structuredClone(given);
      const result = await (await load()).train(given);
      expect(given).toEqual(copy);
      for (const { values } of result.weights) values.fill(9);
      expect(given).toEqual(copy);
    });

    test("takes weights in any order", async () => {
      const trainer = await load();
      const reversed = await trainer.train(task({ weights: weights.toReversed() }));
      expect(reversed.weights).toEqual((await trainer.train(task())).weights);
    });

    test("stops before the first step when the deadline has passed", async () => {
      const result = await (await load()).train(task({ deadlineMs: Date.now() - 1 }));
      expect(result).toMatchObject({ steps: 0, partial: true, samples: 50 });
      expect(result.weights).toEqual(weights);
      expect(result.lossAfter).toBe(result.lossBefore);
    });

    test("scores: accuracy in [0, 1], better after training, whatever the batch size", async () => {
      const trainer = await load();
      const score = (scored: typeof weights, batchSize: number) =>
        trainer.evaluate({ topology, weights: scored, data: blobs(40, 2), loss: spec.loss, batchSize });
      const before = await score(weights, 40);
      const longer = task({ training: { ...task().training, localEpochs: 20 } });
      const after = await score((await trainer.train(longer)).weights, 40);
      expect(before.accuracy).toBeGreaterThanOrEqual(0);
      expect(after.accuracy).toBeLessThanOrEqual(1);
      expect(after.accuracy).toBeGreaterThan(before.accuracy ?? 1);
      expect(after.loss).toBeLessThan(before.loss);
      expect(after.samples).toBe(40);
      const inParts = await score(weights, 7);
      expect(inParts.accuracy).toBeCloseTo(before.accuracy ?? Number.NaN, 6);
      expect(inParts.loss).toBeCloseTo(before.loss, 5);
    });

    test("describes a model as the pure rules do", async () => {
      expect(await (await load()).describe(topology)).toEqual(parameterShapes(spec));
    });

    test.each<[string, Partial<TrainTask>]>([
      ["weights of another model", { weights: weights.slice(1) }],
      ["weights of another shape", { weights: weights.map((weight) => ({ ...weight, shape: [1] })) }],
      ["no samples", { data: blobs(0, 1) }],
      ["fewer labels than samples", { data: { ...blobs(6, 1), y: blobs(3, 1).y } }],
    ])("refuses %s", async (_, changes) => {
      const trainer = await load();
      await expect(trainer.train(task(changes))).rejects.toMatchObject({ code: "invalid-argument" });
    });
  });
}
