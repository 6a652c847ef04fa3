// Whole models as Keras 3 writes them, from `to_json()` to the output that Keras computes: read, put into one
// dialect, and given their weights by name.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { buildModel } from "../../shared/cloud/tensors/layersModel.ts";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { matchNames } from "../../shared/core/models/kerasNames.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { distance, type Values } from "./kerasContract.ts";

interface Case {
  readonly name: string;
  readonly json: object;
  readonly x: Values;
  readonly output: readonly number[];
  readonly weights: Readonly<Record<string, Values>>;
}

const intakeCases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../vectors/keras/intake.json", import.meta.url), "utf8"),
);

function topologyOf(layers: unknown): LayersTopology {
  const spec = { name: "n", model: { layers }, selection: { strategy: "random", cohortSize: 1 } };
  const { model } = RunSpec.parse(spec);
  return givenTopology(model);
}

export function intakeContract(load: () => Promise<Tensors>): void {
  describe("a model as Keras 3 writes it", () => {
    test.each(intakeCases.map((entry) => [entry.name, entry] as const))("%s", async (_, entry) => {
      const given = structuredClone(entry.json);
      const topology = topologyOf(entry.json);
      expect(modelProblems(topology, "meanSquaredError")).toEqual([]);
      const normal = normalTopology(topology);
      expect(entry.json, "untouched").toEqual(given);
      expect(normalTopology(normal), "in one dialect already").toEqual(normal);
      expect(JSON.stringify(normal)).not.toMatch(/"(?:module|registered_name|build_config|batch_shape)"/);
      const { tf } = await load();
      const model = await buildModel(tf, normal);
      try {
        const names = model.shapes.map(({ name }) => name);
        expect(initialWeights(normal, model.shapes, 1).map(({ name }) => name)).toEqual(names);
        const match = matchNames(normal, names, Object.keys(entry.weights));
        expect(match).toMatchObject({ missing: [], unknown: [] });
        model.setWeights(
          model.shapes.map(({ name, shape }) => {
            const values = entry.weights[match.found.get(name) ?? ""];
            expect(values?.shape).toEqual(shape);
            return { name, shape, values: Float32Array.from(values?.values ?? []) };
          }),
        );
        const output = tf.tidy(() => {
          const x = tf.tensor(Float32Array.from(entry.x.values), [...entry.x.shape]);
          return model.apply(x, { training: false }).output.dataSync();
        });
        expect(distance(output, entry.output)).toBeLessThan(1e-5);
      } finally {
        model.dispose();
      }
    });
  });
}
