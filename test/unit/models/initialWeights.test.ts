// Initial weights: the same for the same seed for ever, and of the distribution that the topology names.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { FlError } from "../../../shared/core/errors.ts";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../../shared/core/models/initialWeights.ts";
import { parameterShapes } from "../../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { LayersTopology } from "../../../shared/core/schemas/model.ts";
import { encodeSafetensors } from "../../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../../shared/core/updates/weights.ts";

const tiny = modelSpec("tiny-mlp");
const ofTiny = (seed: number) => initialWeights(toLayersTopology(tiny), parameterShapes(tiny), seed);

/** The values of one parameter `name` of shape `shape`, whose layer has this config. */
function one(name: string, shape: readonly number[], config: Record<string, unknown> = {}): Float32Array {
  const layers = [{ class_name: "Any", config: { name: "layer", ...config } }];
  const topology: LayersTopology = { model_config: { class_name: "Sequential", config: { layers } } };
  return initialWeights(topology, [{ name, shape }], 1)[0]?.values ?? new Float32Array();
}

const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
function variance(values: Float32Array): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / values.length;
}

test("equal seeds give equal bytes, for ever", () => {
  const digest = createHash("sha256")
    .update(encodeSafetensors(tensorsOf(ofTiny(7))))
    .digest("hex");
  expect(digest).toBe("ddc16efb3e6f1174c5ac37fa9f488381a7579003c5fea10855c30677cc62ab37");
  expect(ofTiny(7)).toEqual(ofTiny(7));
  expect(ofTiny(8)).not.toEqual(ofTiny(7));
});

test("names, shapes and order are those asked for; biases are zero", () => {
  const weights = ofTiny(7);
  expect(weights.map(({ name, shape }) => ({ name, shape }))).toEqual(parameterShapes(tiny));
  expect(weights.filter(({ name }) => name.endsWith("bias")).flatMap(({ values }) => [...values])).toEqual(
    Array.from({ length: 11 }, () => 0),
  );
});

test("a parameter's values do not depend on the parameters before it", () => {
  const shapes = parameterShapes(tiny);
  const [last] = initialWeights(toLayersTopology(tiny), shapes.slice(2, 3), 7);
  expect(last).toEqual(ofTiny(7)[2]);
});

test("Glorot uniform fills its interval", () => {
  const values = one("layer/kernel", [5, 5, 8, 16]);
  const limit = Math.sqrt(6 / (25 * 8 + 25 * 16));
  const reach = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(reach).toBeLessThanOrEqual(limit);
  expect(reach).toBeGreaterThan(0.99 * limit);
  expect(mean(values)).toBeCloseTo(0, 2);
});

describe("initializers by name", () => {
  test.each([
    ["he_normal", 2 / 400],
    ["HeNormal", 2 / 400],
    ["LecunUniform", 1 / 400],
    ["glorotNormal", 2 / 600],
  ])("%s has its variance", (name, expected) => {
    expect(variance(one("layer/kernel", [400, 200], { kernel_initializer: name })) / expected).toBeCloseTo(
      1,
      1,
    );
  });

  test("VarianceScaling with its options, as tfjs writes it", () => {
    const config = { scale: 3, mode: "fan_out", distribution: "uniform", seed: null };
    const values = one("layer/kernel", [400, 200], {
      kernel_initializer: { class_name: "VarianceScaling", config },
    });
    expect(variance(values) / (3 / 200)).toBeCloseTo(1, 1);
  });

  test.each([
    ["Constant", { value: 0.25 }, 0.25, 0],
    ["RandomUniform", { minval: 1, maxval: 3 }, 2, 4 / 12],
    ["RandomNormal", { mean: 1, stddev: 0.5 }, 1, 0.25],
    ["TruncatedNormal", { mean: 1, stddev: 0.5 }, 1, 0.25 * 0.8796256610342398 ** 2],
  ])("%s takes its options", (name, config, expectedMean, expectedVariance) => {
    const values = one("layer/kernel", [200, 200], { kernel_initializer: { class_name: name, config } });
    expect(mean(values)).toBeCloseTo(expectedMean, 1);
    expect(variance(values)).toBeCloseTo(expectedVariance, 1);
  });

  test.each([
    [[3, 12], "rows"],
    [[12, 3], "columns"],
  ])("Orthogonal %j has orthonormal %s", (shape) => {
    const [rows = 0, columns = 0] = shape;
    const values = one("layer/recurrent_kernel", shape);
    const vector = (i: number) =>
      rows < columns
        ? [...values.subarray(i * columns, (i + 1) * columns)]
        : Array.from({ length: rows }, (_, row) => values[row * columns + i] ?? 0);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j <= i; j++) {
        const dot = vector(i).reduce((sum, value, k) => sum + value * (vector(j)[k] ?? 0), 0);
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 6);
      }
    }
  });

  test("each kind of parameter reads its own option", () => {
    const config = {
      depthwise_initializer: "ones",
      embeddings_initializer: "ones",
      beta_initializer: "ones",
    };
    for (const suffix of ["depthwise_kernel", "embeddings", "beta"]) {
      expect([...one(`layer/${suffix}`, [2], config)], suffix).toEqual([1, 1]);
    }
  });

  test("moving averages and scales start where they change nothing", () => {
    expect([...one("layer/gamma", [2])]).toEqual([1, 1]);
    expect([...one("layer/moving_variance", [2])]).toEqual([1, 1]);
    expect([...one("layer/moving_mean", [2])]).toEqual([0, 0]);
  });

  test("a name that is no initializer is refused", () => {
    expect(() => one("layer/kernel", [2, 2], { kernel_initializer: "Identity" })).toThrow(
      /"Identity" is unknown/,
    );
    expect(() => one("layer/kernel", [2, 2], { kernel_initializer: "toString" })).toThrow(FlError);
  });

  test("an option that is no number is refused", () => {
    const initializer = { class_name: "Constant", config: { value: "1" } };
    expect(() => one("layer/kernel", [2], { kernel_initializer: initializer })).toThrow(
      /value must be a number/,
    );
  });
});

test("a scalar and an empty tensor have values too", () => {
  expect(one("layer/kernel", [])).toHaveLength(1);
  expect(one("layer/kernel", [0, 4])).toHaveLength(0);
});
