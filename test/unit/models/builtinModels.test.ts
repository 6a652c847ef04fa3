// The built-in models: their sizes as published, and names that training and storage agree on.
import { describe, expect, test } from "vitest";
import { FlError } from "../../../shared/core/errors.ts";
import { builtinModels, modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import { LayersTopology } from "../../../shared/core/schemas/model.ts";
import { elementCount } from "../../../shared/core/updates/safetensors.ts";

const count = (name: string) =>
  parameterShapes(modelSpec(name)).reduce((sum, { shape }) => sum + elementCount(shape), 0);

test("mnist-cnn has the 582,026 parameters of FedLesScan's MNIST model", () => {
  expect(count("mnist-cnn")).toBe(582_026);
  expect(parameterShapes(modelSpec("mnist-cnn"))).toEqual([
    { name: "conv1/kernel", shape: [5, 5, 1, 32] },
    { name: "conv1/bias", shape: [32] },
    { name: "conv2/kernel", shape: [5, 5, 32, 64] },
    { name: "conv2/bias", shape: [64] },
    { name: "dense/kernel", shape: [1_024, 512] },
    { name: "dense/bias", shape: [512] },
    { name: "output/kernel", shape: [512, 10] },
    { name: "output/bias", shape: [10] },
  ]);
});

test("tiny-mlp has 67 parameters", () => {
  expect(count("tiny-mlp")).toBe(67);
});

test("an unknown name is refused with the names there are", () => {
  expect(() => modelSpec("resnet")).toThrow(FlError);
  expect(() => modelSpec("resnet")).toThrow(/"resnet"; there are mnist-cnn, tiny-mlp/);
  expect(() => modelSpec("__proto__")).toThrow(FlError);
});

describe.each(builtinModels.map((spec) => [spec.name, spec] as const))("%s", (_, spec) => {
  test("has a topology that the run's schema takes", () => {
    expect(LayersTopology.parse(toLayersTopology(spec))).toEqual(toLayersTopology(spec));
  });

  test("ends in one output a class", () => {
    expect(parameterShapes(spec).at(-1)).toEqual({ name: "output/bias", shape: [spec.classes] });
  });
});
