// Scores of whole models on a test set, against `model.evaluate` of Keras (test/vectors/keras/scores.py): a
// version's score is what Keras says of the same weights and data, to four digits.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { givenWeights } from "../../shared/core/models/givenWeights.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import type { Loss } from "../../shared/core/schemas/loss.ts";
import { ModelChoice } from "../../shared/core/schemas/model.ts";
import type { Values } from "./kerasContract.ts";

interface Case {
  readonly name: string;
  readonly loss: Loss;
  readonly model: object;
  readonly weights: Readonly<Record<string, Values>>;
  readonly x: Values;
  readonly y: Values;
  readonly metrics: Readonly<Record<string, number>>;
}

const { cases } = JSON.parse(
  readFileSync(new URL("../vectors/keras/scores.json", import.meta.url), "utf8"),
) as { cases: readonly Case[] };

export function kerasScoresContract(load: () => Promise<Tensors>): void {
  describe("the score of a version is that of Keras", () => {
    test.each(cases)("$name", async ({ loss, model, weights, x, y, metrics }) => {
      const given = givenTopology(ModelChoice.parse({ layers: model }));
      expect(modelProblems(given, loss)).toEqual([]);
      const topology = normalTopology(given);
      const tensors = await load();
      const trainer = createTensorTrainer(tensors);
      const shapes = await trainer.describe(topology);
      const named = Object.entries(weights).map(([name, { shape }]) => ({
        name,
        dtype: "F32" as const,
        shape,
        begin: 0,
        end: 0,
      }));
      const found = givenWeights(topology, shapes, named, false);
      const before = tensors.tf.memory().numTensors;
      const score = await trainer.evaluate({
        topology,
        weights: found.map(({ parameter: { name, shape }, tensor }) => ({
          name,
          shape,
          values: Float32Array.from(weights[tensor?.name ?? ""]?.values ?? []),
        })),
        data: { x: typed(x), y: typed(y) },
        loss,
        metrics: Object.keys(metrics),
        batchSize: 27,
      });
      const { accuracy, loss: mean } = score;
      const all = { loss: mean, ...(accuracy === null ? {} : { accuracy }), ...score.metrics };
      expect(Object.keys(all).toSorted()).toEqual(Object.keys(metrics).toSorted());
      for (const [name, value] of Object.entries(all))
        expect(value).toBeCloseTo(metrics[name] ?? Number.NaN, 5);
      expect(tensors.tf.memory().numTensors).toBe(before);
    });
  });
}

function typed({ shape, values }: Values) {
  return { shape, values: Float32Array.from(values) };
}
