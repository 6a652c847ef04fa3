// A model as a short list of layers: what Keras would write of it.
import { describe, expect, test } from "vitest";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";
import { ModelChoice } from "../../../shared/core/schemas/model.ts";

const layersOf = (topology: unknown) =>
  (topology as { model_config: { config: { layers: { class_name: string; config: object }[] } } })
    .model_config.config.layers;

describe("a short list of layers", () => {
  test("is a chain, with the names that Keras would give", () => {
    const layers = [
      "ReLU",
      "Conv2DTranspose",
      { type: "Dense", units: 3 },
      { type: "Dense", name: "dense_2" },
    ];
    const more = [...layers, "MaxPooling2D", "LSTM", "Dense", "Dense", "GlobalAveragePooling1D"];
    const names = layersOf(shortTopology([4], more)).map(({ config }) => (config as { name: string }).name);
    expect(names).toEqual([
      "re_lu",
      "conv2d_transpose",
      "dense",
      "dense_2",
      "max_pooling2d",
      "lstm",
      "dense_1",
      "dense_3",
      "global_average_pooling1d",
    ]);
  });

  test("takes options in either case, regularizers by their factors, and layers within layers", () => {
    const layers = [
      { type: "Conv1D", filters: 2, kernelSize: 3, kernelRegularizer: { l2: 0.1 } },
      { type: "Bidirectional", layer: { type: "LSTM", units: 2, return_sequences: true } },
      { type: "TimeDistributed", layer: "Flatten" },
      { type: "Dense", units: 2, kernel_initializer: { type: "RandomNormal", stddev: 0.2 } },
    ];
    const before = structuredClone(layers);
    expect(layersOf(shortTopology([null, 5], layers))).toEqual([
      {
        class_name: "Conv1D",
        config: {
          name: "conv1d",
          batch_input_shape: [null, null, 5],
          filters: 2,
          kernel_size: 3,
          kernel_regularizer: { class_name: "L1L2", config: { l1: 0, l2: 0.1 } },
        },
      },
      {
        class_name: "Bidirectional",
        config: {
          name: "bidirectional",
          layer: { class_name: "LSTM", config: { name: "lstm", units: 2, return_sequences: true } },
        },
      },
      {
        class_name: "TimeDistributed",
        config: { name: "time_distributed", layer: { class_name: "Flatten", config: { name: "flatten" } } },
      },
      {
        class_name: "Dense",
        config: {
          name: "dense",
          units: 2,
          kernel_initializer: { class_name: "RandomNormal", config: { stddev: 0.2 } },
        },
      },
    ]);
    expect(layers).toEqual(before);
  });

  test("is checked as any model is", () => {
    const problems = modelProblems(
      shortTopology([4], ["Dense", { type: "Warp", name: "w" }]),
      "meanSquaredError",
    );
    expect(problems.join("\n")).toMatch(/"w" \(Warp\): this class is not supported/);
  });

  test.each([
    ["no layers", { inputShape: [4], layers: [] }],
    ["no shape", { layers: ["Dense"] }],
    ["a shape of nothing", { inputShape: [0], layers: ["Dense"] }],
    ["a layer without a type", { inputShape: [4], layers: [{ units: 3 }] }],
    ["a shape beside a topology", { inputShape: [4], layers: { class_name: "Sequential", config: {} } }],
  ])("is refused with %s", (_, model) => {
    expect(ModelChoice.safeParse(model).success).toBe(false);
  });
});
