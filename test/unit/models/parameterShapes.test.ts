// Shapes derived from a topology: what the rules know, and that they return nothing for everything else.
import { describe, expect, test } from "vitest";
import { FlError } from "../../../shared/core/errors.ts";
import { sequenceShapes } from "../../../shared/core/models/parameterShapes.ts";
import { layersOf } from "../../../shared/core/models/topology.ts";
import type { LayersTopology } from "../../../shared/core/schemas/model.ts";

const layer = (className: string, config: Record<string, unknown>) => ({ class_name: className, config });
const sequence = (...layers: unknown[]): LayersTopology => ({
  model_config: { class_name: "Sequential", config: { name: "m", layers } },
});
const image = { name: "c", filters: 3, kernel_size: 3, batch_input_shape: [null, 9, 8, 2] };

test.each([
  ["valid padding", {}, [7, 6]],
  ["same padding", { padding: "same" }, [9, 8]],
  ["strides", { strides: [2, 3] }, [4, 2]],
  ["strides over same padding", { padding: "same", strides: 2 }, [5, 4]],
])("a convolution with %s", (_, options, [height = 0, width = 0]) => {
  const shapes = sequenceShapes(
    sequence(
      layer("Conv2D", { ...image, ...options }),
      layer("Flatten", { name: "f" }),
      layer("Dense", { name: "d", units: 5, use_bias: false }),
    ),
  );
  expect(shapes).toEqual([
    { name: "c/kernel", shape: [3, 3, 2, 3] },
    { name: "c/bias", shape: [3] },
    { name: "d/kernel", shape: [height * width * 3, 5] },
  ]);
});

test("a pool that does not fit drops the rest, as Keras does", () => {
  const shapes = sequenceShapes(
    sequence(
      layer("MaxPooling2D", { name: "p", pool_size: [2, 3], batch_input_shape: [null, 9, 8, 2] }),
      layer("Dropout", { name: "drop", rate: 0.5 }),
      layer("Flatten", { name: "f" }),
      layer("Dense", { name: "d", units: 1 }),
    ),
  );
  expect(shapes?.[0]).toEqual({ name: "d/kernel", shape: [4 * 2 * 2, 1] });
});

test("frozen layers come last", () => {
  const shapes = sequenceShapes(
    sequence(
      layer("Dense", { name: "a", units: 2, trainable: false, batch_input_shape: [null, 3] }),
      layer("Dense", { name: "b", units: 1 }),
    ),
  );
  expect(shapes?.map(({ name }) => name)).toEqual(["b/kernel", "b/bias", "a/kernel", "a/bias"]);
});

test("layers may be listed as Keras 2.1 did, without a name around them", () => {
  const layers = [layer("Dense", { name: "a", units: 2, batch_input_shape: [null, 3] })];
  const topology: LayersTopology = { model_config: { class_name: "Sequential", config: layers } };
  expect(sequenceShapes(topology)).toHaveLength(2);
});

describe("what has to be built to be known", () => {
  const dense = layer("Dense", { name: "d", units: 2, batch_input_shape: [null, 3] });
  test.each<[string, LayersTopology]>([
    ["a graph", { model_config: { class_name: "Functional", config: { layers: [dense] } } }],
    ["a layer without a rule", sequence(dense, layer("LSTM", { name: "l", units: 2 }))],
    ["a class named like a property of every object", sequence(dense, layer("toString", { name: "l" }))],
    ["a model within the model", sequence(dense, sequence(dense).model_config)],
    ["an open dimension", sequence(layer("Dense", { name: "d", units: 2, batch_input_shape: [null, null] }))],
    ["no input shape", sequence(layer("Dense", { name: "d", units: 2 }))],
    ["channels first", sequence(layer("Conv2D", { ...image, data_format: "channels_first" }))],
    ["dilation", sequence(layer("Conv2D", { ...image, dilation_rate: [2, 1] }))],
    ["a kernel larger than the image", sequence(layer("Conv2D", { ...image, kernel_size: 10 }))],
    ["units that are no number", sequence(layer("Dense", { ...dense.config, units: "2" }))],
  ])("%s", (_, topology) => {
    expect(sequenceShapes(topology)).toBeUndefined();
  });
});

test.each([
  ["no layers", { class_name: "Sequential", config: { layers: [] } }],
  ["no config", { class_name: "Sequential" }],
  ["a layer that is not an object", { class_name: "Sequential", config: { layers: [7] } }],
  ["a layer without a class", { class_name: "Sequential", config: { layers: [{ config: { name: "a" } }] } }],
  ["a layer without a config", { class_name: "Sequential", config: { layers: [{ class_name: "Dense" }] } }],
  ["a layer without a name", { class_name: "Sequential", config: { layers: [layer("Dense", {})] } }],
])("a malformed topology is refused: %s", (_, model) => {
  expect(() => layersOf({ model_config: model })).toThrow(FlError);
});
