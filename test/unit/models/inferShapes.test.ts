// The parameters of a model by arithmetic, against those that Keras itself made (test/vectors/keras).
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { builtinModels } from "../../../shared/core/models/builtinModels.ts";
import { givenTopology } from "../../../shared/core/models/givenTopology.ts";
import { matchWeights } from "../../../shared/core/models/givenWeights.ts";
import { inferModel } from "../../../shared/core/models/inferShapes.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { normalTopology } from "../../../shared/core/models/normalTopology.ts";
import { parameterShapes } from "../../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { Loss } from "../../../shared/core/schemas/loss.ts";
import { ModelChoice } from "../../../shared/core/schemas/model.ts";
import { deepFreeze } from "../../support/builders.ts";

interface Case {
  readonly name: string;
  readonly loss: string;
  readonly topology: { readonly class_name: string };
  readonly weights: Readonly<Record<string, { readonly shape: readonly number[] }>>;
}
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../../vectors/keras/layers.json", import.meta.url), "utf8"),
);

const topologyOf = (written: object) => {
  const choice = ModelChoice.parse({ layers: written });
  if (!("layers" in choice) || "inputShape" in choice) throw new Error("a topology");
  return deepFreeze(givenTopology(choice));
};
const sorted = (shapes: readonly (readonly number[])[]) => shapes.map((shape) => shape.join("x")).toSorted();

const accepted = cases.filter(({ loss, topology }) => {
  const named = loss.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()) as Loss;
  return modelProblems(topologyOf(topology), named).length === 0;
});

test("there are cases of many layers", () => {
  expect(accepted.length).toBeGreaterThan(100);
});

test.each(accepted.map((entry) => [entry.name, entry] as const))("%s", (_, { topology, weights }) => {
  const model = inferModel(topologyOf(topology));
  const shapes = model?.parameters.map(({ shape }) => shape) ?? [];
  expect(sorted(shapes)).toEqual(sorted(Object.values(weights).map(({ shape }) => shape)));
  expect(misfits(topology, weights)).toEqual([]);
});

/** What Keras' own weights are refused for, by their names. */
function misfits(json: object, weights: Case["weights"]): readonly string[] {
  const topology = topologyOf(json);
  const tensors = Object.entries(weights).map(([name, { shape }]) => ({
    ...{ name, shape, dtype: "F32" as const },
    ...{ begin: 0, end: 0 },
  }));
  const parameters = inferModel(topology)?.parameters ?? [];
  return matchWeights(normalTopology(topology), parameters, tensors, false).problems;
}

interface Whole {
  readonly name: string;
  readonly json: object;
  readonly x: { readonly shape: readonly number[] };
  readonly output: readonly number[];
  readonly weights: Case["weights"];
}
const wholes: readonly Whole[] = JSON.parse(
  readFileSync(new URL("../../vectors/keras/intake.json", import.meta.url), "utf8"),
);

describe("whole models as Keras 3 writes them: graphs, and models within models", () => {
  test.each(wholes.map((entry) => [entry.name, entry] as const))("%s", (_, { json, x, output, weights }) => {
    const model = inferModel(topologyOf(json));
    const shapes = model?.parameters.map(({ shape }) => shape) ?? [];
    expect(sorted(shapes)).toEqual(sorted(Object.values(weights).map(({ shape }) => shape)));
    expect(misfits(json, weights)).toEqual([]);
    const [samples = 0, ...input] = x.shape;
    expect(model?.inputShape).toEqual(input);
    expect(model?.outputShape.reduce<number>((count, size) => count * (size ?? 0), samples)).toBe(
      output.length,
    );
  });
});

describe("built-in models", () => {
  test.each(builtinModels.map((spec) => [spec.name, spec] as const))("%s, as built", (_, spec) => {
    const model = inferModel(toLayersTopology(spec));
    expect(model?.parameters).toEqual(parameterShapes(spec));
    expect(model).toMatchObject({
      inputShape: spec.inputShape,
      outputShape: [spec.classes],
      layers: spec.layers.length,
    });
  });
});

const layer = (className: string, config: object) => ({ class_name: className, config });
const sequence = (...layers: unknown[]) =>
  topologyOf({ class_name: "Sequential", config: { name: "m", layers } });

test("roles: a frozen layer's, and what is measured", () => {
  const model = inferModel(
    sequence(
      layer("Dense", { name: "a", units: 2, trainable: false, batch_input_shape: [null, 3] }),
      layer("BatchNormalization", { name: "b" }),
    ),
  );
  expect(model?.parameters).toEqual([
    { name: "a/kernel", shape: [3, 2], role: "frozen" },
    { name: "a/bias", shape: [2], role: "frozen" },
    { name: "b/gamma", shape: [2] },
    { name: "b/beta", shape: [2] },
    { name: "b/moving_mean", shape: [2], role: "statistic" },
    { name: "b/moving_variance", shape: [2], role: "statistic", min: 0 },
  ]);
});

test("sizes that are open stay open, and do not hide what does not depend on them", () => {
  const model = inferModel(
    sequence(
      layer("LSTM", { name: "l", units: 5, return_sequences: true, batch_input_shape: [null, null, 3] }),
      layer("TimeDistributed", { name: "t", layer: layer("Dense", { name: "d", units: 2 }) }),
    ),
  );
  expect(model?.outputShape).toEqual([null, 2]);
  expect(model?.parameters.map(({ shape }) => shape)).toEqual([[3, 20], [5, 20], [20], [5, 2], [2]]);
});

describe("what cannot be told", () => {
  const first = layer("Dense", { name: "d", units: 2, batch_input_shape: [null, 3] });
  const node = (name: string, from: string) => ({
    ...layer("Dense", { name, units: 2 }),
    name,
    inbound_nodes: [[[from, 0, 0, {}]]],
  });
  test.each<[string, object]>([
    [
      "a layer of one's own",
      { class_name: "Sequential", config: { layers: [first, layer("Mine", { name: "m" })] } },
    ],
    [
      "a name of every object",
      { class_name: "Sequential", config: { layers: [first, layer("toString", { name: "m" })] } },
    ],
    ["no input", { class_name: "Sequential", config: { layers: [layer("Dense", { name: "d", units: 2 })] } }],
    [
      "a flattened open size",
      {
        class_name: "Sequential",
        config: {
          layers: [
            layer("Flatten", { name: "f", batch_input_shape: [null, null, 2] }),
            layer("Dense", { name: "d", units: 2 }),
          ],
        },
      },
    ],
    [
      "a window larger than its input",
      {
        class_name: "Sequential",
        config: {
          layers: [
            layer("Conv2D", { name: "c", filters: 1, kernel_size: 9, batch_input_shape: [null, 8, 8, 1] }),
          ],
        },
      },
    ],
    [
      "a circle",
      {
        class_name: "Functional",
        config: { layers: [node("a", "b"), node("b", "a")], output_layers: [["b", 0, 0]] },
      },
    ],
    [
      "an end that is not there",
      { class_name: "Functional", config: { layers: [first], output_layers: [["z", 0, 0]] } },
    ],
    [
      "units that are no number",
      {
        class_name: "Sequential",
        config: { layers: [{ ...first, config: { ...first.config, units: "2" } }] },
      },
    ],
  ])("%s", (_, topology) => {
    expect(inferModel(topologyOf(topology))).toBeUndefined();
  });

  test("a chain deeper than any model", () => {
    const layers = [
      { ...layer("InputLayer", { name: "n0", batch_input_shape: [null, 2] }), name: "n0", inbound_nodes: [] },
      ...Array.from({ length: 30_000 }, (_, i) => node(`n${i + 1}`, `n${i}`)),
    ];
    const graph = { class_name: "Functional", config: { layers, output_layers: [["n30000", 0, 0]] } };
    expect(inferModel({ model_config: graph })).toBeUndefined();
  });
});
