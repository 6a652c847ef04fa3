// Layers that do not take the shape they are given are refused when a run is created, by their names; those
// that TensorFlow.js alone refuses are built as what Keras computes.
import { describe, expect, test } from "vitest";
import { inferModel } from "../../../shared/core/models/inferShapes.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";
import { tfjsTopology } from "../../../shared/core/models/tfjsTopology.ts";
import { foreseeModel } from "../../../shared/core/round/runCheck.ts";
import type { ShortLayer } from "../../../shared/core/schemas/model.ts";
import { buildSpec } from "../../support/builders.ts";

const end = { type: "Dense", name: "end", units: 2, activation: "softmax" };
const problemsOf = (inputShape: readonly (number | null)[], ...layers: readonly ShortLayer[]) =>
  modelProblems(shortTopology(inputShape, [...layers, end]), "sparseCategoricalCrossentropy");

describe("a layer that does not take the shape it is given", () => {
  test.each<[string, readonly (number | null)[], readonly ShortLayer[], RegExp]>([
    [
      "a window without channels",
      [28, 28],
      [{ type: "Conv2D", filters: 2, kernelSize: 3 }],
      /^layer "conv2d" \(Conv2D\): it takes samples of 3 dimensions, \[height, width, channels\], and it is given \[28, 28\]: put a Reshape/,
    ],
    [
      "a window larger than its input",
      [4, 4, 1],
      [{ type: "MaxPooling2D", poolSize: 5 }],
      /its window \[5, 5\] is larger than its input \[4, 4\]: use larger samples/,
    ],
    ["steps that are none", [8], ["GlobalAveragePooling1D"], /\[steps, features\], and it is given \[8\]/],
    [
      "a Reshape to another number of values",
      [4],
      [{ type: "Reshape", targetShape: [5] }],
      /the 4 values of its input cannot have the target_shape \[5\]/,
    ],
    [
      "a Reshape that does not divide",
      [4],
      [{ type: "Reshape", targetShape: [3, -1] }],
      /cannot have the target_shape/,
    ],
    [
      "a Reshape that leaves two sizes open",
      [4],
      [{ type: "Reshape", targetShape: [-1, -1] }],
      /one size open/,
    ],
    [
      "a Flatten of open sizes",
      [null, 3],
      ["Flatten"],
      /\(Flatten\): every size must be known, and it is given \[any, 3\].*GlobalAveragePooling/,
    ],
    [
      "a dimension that is not there",
      [4],
      [{ type: "BatchNormalization", axis: 2 }],
      /there is no axis 2 \(0 is the batch\), and it is given \[4\]/,
    ],
    [
      "dimensions in no order",
      [4, 3],
      [{ type: "Permute", dims: [1, 3] }],
      /dims must name each dimension once/,
    ],
    [
      "a sample that is cut away",
      [4, 4, 1],
      [{ type: "Cropping2D", cropping: 2 }],
      /nothing would be left of it/,
    ],
    [
      "a layer in a layer",
      [3, 4],
      [{ type: "TimeDistributed", layer: { type: "Conv2D", filters: 1, kernelSize: 2 } }],
      /\(TimeDistributed\): of its layer \(Conv2D\): it takes samples of 3 dimensions/,
    ],
    ["units that are no number", [4], [{ type: "Dense", units: "3" }], /units must be a whole number from 1/],
    [
      "a window of no size",
      [4, 4, 1],
      [{ type: "Conv2D", filters: 2, kernelSize: [3, 0] }],
      /kernel_size must be a whole number from 1, or a list of 2/,
    ],
    [
      "numbers for other features",
      [4],
      [{ type: "Normalization", mean: [1, 2], variance: [1, 2] }],
      /it has a scale for 2 features, and it is given \[4\]/,
    ],
  ])("%s", (_, input, layers, why) => {
    const problems = problemsOf(input, ...layers);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(why);
  });

  test("tensors that cannot be merged are told", () => {
    const input = (name: string) => ({
      class_name: "InputLayer",
      name,
      config: { name, batch_input_shape: [null, 4] },
      inbound_nodes: [],
    });
    const at = (name: string) => [name, 0, 0, {}];
    const layer = (class_name: string, name: string, config: object, from: readonly string[]) => ({
      class_name,
      name,
      config: { name, ...config },
      inbound_nodes: [from.map(at)],
    });
    const merged = (merge: string, config: object) =>
      modelProblems(
        {
          model_config: {
            class_name: "Functional",
            config: {
              layers: [
                input("in"),
                layer("Dense", "a", { units: 3 }, ["in"]),
                layer(merge, "m", config, ["in", "a"]),
                layer("Dense", "end", { units: 2, activation: "softmax" }, ["m"]),
              ],
              input_layers: [["in", 0, 0]],
              output_layers: [["end", 0, 0]],
            },
          },
        },
        "sparseCategoricalCrossentropy",
      );
    expect(merged("Add", {})).toEqual([
      expect.stringMatching(
        /^layer "m" \(Add\): its inputs must be of the same sizes, or 1, and they are \[4\], \[3\]/,
      ),
    ]);
    expect(merged("Dot", { axes: 1 })).toEqual([expect.stringMatching(/of one size on the axes/)]);
    expect(merged("Concatenate", { axis: 2 })).toEqual([expect.stringMatching(/there is no axis 2/)]);
    expect(merged("Concatenate", { axis: -1 })).toEqual([]);
  });

  test("a model that does not say the shape of its input is told by its first layer", () => {
    const model_config = {
      class_name: "Sequential",
      config: {
        name: "m",
        layers: [{ class_name: "Dense", config: { name: "d", units: 2, activation: "softmax" } }],
      },
    };
    expect(modelProblems({ model_config }, "sparseCategoricalCrossentropy")).toEqual([
      'layer "d" (Dense): it begins the model, and does not say the shape of a sample: give it batch_input_shape, or an InputLayer in front',
    ]);
  });

  test("is one problem of a run's check, as of its creation", () => {
    const model = {
      inputShape: [8],
      layers: ["LSTM", end].map((one) => (one === "LSTM" ? { type: "LSTM", units: 2 } : one)),
    };
    const { problems } = foreseeModel({ ...buildSpec(), model }, null);
    expect(problems).toEqual([
      {
        path: "model.layers",
        message: expect.stringMatching(/^layer "lstm" \(LSTM\): it takes samples of 2 dimensions/),
      },
    ]);
  });
});

describe("a Flatten of what is flat", () => {
  test.each<[string, readonly number[], readonly ShortLayer[]]>([
    ["first", [4], ["Flatten"]],
    ["behind a vector", [4], [{ type: "Dense", units: 4 }, "Flatten"]],
    [
      "within TimeDistributed",
      [3, 4],
      [
        { type: "TimeDistributed", layer: "Flatten" },
        { type: "LSTM", units: 2 },
      ],
    ],
  ])("is taken, as Keras takes it: %s", (_, input, layers) => {
    const topology = shortTopology(input, [...layers, end]);
    expect(modelProblems(topology, "sparseCategoricalCrossentropy")).toEqual([]);
    expect(inferModel(topology)?.outputShape).toEqual([2]);
    const written = JSON.stringify(tfjsTopology(topology));
    expect(written).not.toContain('"Flatten"');
    expect(written).toContain('"target_shape":[4]');
  });
});
