// The values that each option of each layer takes: what Keras refuses, or TensorFlow.js fails with or
// computes otherwise, is refused when the run is created.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { kerasClasses, optionNames, optionProblems } from "../../../shared/core/models/layerOptions.ts";
import { layerShapes, type OpenShape } from "../../../shared/core/models/shapeRules.ts";
import type { Config } from "../../../shared/core/models/topology.ts";

interface Golden {
  readonly className: string;
  readonly config: Config;
  /** Inputs, and what Keras makes of them; null where it refuses them. */
  readonly shapes: readonly (readonly [readonly OpenShape[], OpenShape | null])[];
}

/** Options and inputs of each class that Keras takes. */
const taken = new Map<string, { readonly config: Config; readonly inputs: readonly OpenShape[] }>([
  ["InputLayer", { config: {}, inputs: [[4]] }],
  ["Normalization", { config: { mean: 0, variance: 1 }, inputs: [[4]] }],
]);
const golden: readonly Golden[] = JSON.parse(
  readFileSync(new URL("../../vectors/keras/shapes.json", import.meta.url), "utf8"),
);
for (const { className, config, shapes } of golden) {
  const inputs = shapes.find(([, output]) => output !== null)?.[0];
  if (inputs !== undefined && !taken.has(className)) taken.set(className, { config, inputs });
}

function problemsOf(className: string, more: Config): readonly string[] {
  const { config, inputs } = taken.get(className) ?? { config: {}, inputs: [] };
  const changed = { name: "l", ...config, ...more };
  const found = optionProblems(className, changed);
  if (found.length > 0) return found;
  try {
    layerShapes(className, changed, inputs);
    return [];
  } catch (error) {
    return [String(error)];
  }
}

/** They change nothing of what is computed. */
const FREE = new Set(["implementation", "seed", "input_length", "renorm_momentum"]);
/** Layers in layers are read with the model. */
const WRAPPED = new Set(["layer", "backward_layer"]);

const every = [...kerasClasses].flatMap((className) =>
  optionNames(className)
    .filter((option) => !FREE.has(option) && !WRAPPED.has(option))
    .map((option) => [className, option] as const),
);

test("there are options and inputs of each class that are taken", () => {
  for (const className of kerasClasses) {
    expect(taken.has(className), className).toBe(true);
    expect(problemsOf(className, {}), className).toEqual([]);
  }
});

test.each(every)("%s refuses a value of another kind for %s, by its name", (className, option) => {
  for (const value of ["no such value", {}]) {
    const found = problemsOf(className, { [option]: value });
    expect(found, JSON.stringify(value)).toHaveLength(1);
    expect(found[0]).toContain(option === "shared_axes" ? "axis" : option);
  }
});

describe("the bounds of values", () => {
  const rates = ["Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D"].map(
    (name): [string, string, readonly unknown[], readonly unknown[]] => [
      name,
      "rate",
      [0, 0.5, 0.999],
      [-0.1, 1, 1.5, "0"],
    ],
  );
  test.each<[string, string, readonly unknown[], readonly unknown[]]>([
    ...rates,
    ["LSTM", "dropout", [0, 0.5], [-0.1, 1, "0"]],
    ["SimpleRNN", "recurrent_dropout", [0, 0.5], [-0.1, 1]],
    ["GaussianNoise", "stddev", [0, 1], [-0.1, 1.1]],
    [
      "ZeroPadding2D",
      "padding",
      [
        0,
        2,
        [0, 1],
        [
          [0, 1],
          [2, 0],
        ],
      ],
      [
        -1,
        1.5,
        [1],
        [1, 2, 3],
        [[1, 2]],
        [
          [0, -1],
          [0, 0],
        ],
      ],
    ],
    [
      "Cropping2D",
      "cropping",
      [
        0,
        1,
        [0, 1],
        [
          [0, 1],
          [1, 0],
        ],
      ],
      [
        -1,
        1.5,
        [[1, 2]],
        [
          [0, -1],
          [0, 0],
        ],
      ],
    ],
    ["ReLU", "max_value", [0, 6, null], [-1]],
    ["LeakyReLU", "negative_slope", [0, 0.3], [-0.1]],
    ["BatchNormalization", "momentum", [0, 0.9, 1], [-0.1, 1.1]],
    ["BatchNormalization", "epsilon", [0, 0.001], [-0.001]],
    ["Dense", "use_bias", [true, false], [0, 1]],
    ["Rescaling", "scale", [0, -1, [2]], [[], [1, "2"], null]],
    ["Bidirectional", "merge_mode", ["concat", "sum", "ave", "mul"], ["max"]],
    ["DepthwiseConv2D", "strides", [1, 2, [2, 2]], [[1, 2], 0, -1]],
    ["SeparableConv2D", "strides", [1, [2, 2]], [[2, 1]]],
    ["Dense", "units", [1], [0, -1, 2.5, null]],
  ])("%s, %s", (className, option, within, beyond) => {
    for (const value of within) {
      expect(problemsOf(className, { [option]: value }), JSON.stringify(value)).toEqual([]);
    }
    for (const value of beyond) {
      expect(problemsOf(className, { [option]: value }), JSON.stringify(value)).toHaveLength(1);
    }
  });

  test.each<[string, string, OpenShape, readonly unknown[], readonly unknown[]]>([
    [
      "Dropout",
      "noise_shape",
      [4, 2],
      [
        [null, 1, 2],
        [1, 4, null],
      ],
      [
        [null, 1],
        [3, 1, 1],
        [null, 2, 1],
      ],
    ],
    [
      "LayerNormalization",
      "axis",
      [4, 2],
      [-1, 1, [1], [1, 2], [-2, -1]],
      [[2, 1], [1, -1], [-1, 1], [], 0, 3],
    ],
    ["PReLU", "shared_axes", [4, 2], [[1], [1, 2], []], [[0], [-1], [3]]],
  ])("%s, %s, on a sample of its shape", (className, option, shape, within, beyond) => {
    const shapes = (value: unknown) => () => layerShapes(className, { [option]: value }, [shape]);
    for (const value of within) expect(shapes(value), JSON.stringify(value)).not.toThrow();
    for (const value of beyond) expect(shapes(value), JSON.stringify(value)).toThrow(/axis|axes|noise_shape/);
  });
});

test("a name that TensorFlow.js cannot give to parameters is refused", () => {
  for (const name of ["dense_1", "block/Conv-2.a", "1"]) expect(problemsOf("Dense", { name })).toEqual([]);
  for (const name of ["", "_dense", "two words", "größe", "a:0"]) {
    expect(problemsOf("Dense", { name }), name).toEqual([
      expect.stringMatching(/^name must be letters, digits/),
    ]);
  }
});
