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

  test.each([
    [{}, 1 / 300],
    [{ scale: 2, distribution: "untruncated_normal" }, 2 / 300],
    [{ mode: "fan_out", distribution: "truncated_normal" }, 1 / 200],
    [{ mode: "fanAvg", distribution: "normal" }, 1 / 250],
  ])("VarianceScaling %j has the variance that Keras gives it", (config, expected) => {
    const kernel_initializer = { class_name: "VarianceScaling", config };
    const values = one("layer/kernel", [300, 200], { kernel_initializer });
    expect(variance(values) / expected).toBeCloseTo(1, 1);
    const reach = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / Math.sqrt(expected);
    if (JSON.stringify(config).includes("untruncated")) expect(reach).toBeGreaterThan(3);
    else expect(reach).toBeLessThanOrEqual(2 / 0.8796);
  });

  test("Identity has its gain on the diagonal of any matrix, and of nothing else", () => {
    const kernel_initializer = { class_name: "Identity", config: { gain: 2 } };
    expect([...one("layer/kernel", [2, 3], { kernel_initializer })]).toEqual([2, 0, 0, 0, 2, 0]);
    expect(() => one("layer/kernel", [2, 2, 2], { kernel_initializer })).toThrow(/makes matrices/);
  });

  test("a large Orthogonal is orthonormal, its values those of random directions, and drawn at once", () => {
    const values = one("layer/recurrent_kernel", [400, 1_600]);
    const row = (i: number) => values.subarray(i * 1_600, (i + 1) * 1_600);
    for (const [i, j] of [
      [0, 0],
      [399, 399],
      [0, 1],
      [17, 399],
    ] as const) {
      const dot = row(i).reduce((sum, value, k) => sum + value * (row(j)[k] ?? 0), 0);
      expect(dot).toBeCloseTo(i === j ? 1 : 0, 5);
    }
    expect(mean(values)).toBeCloseTo(0, 3);
    // A coordinate of a random direction is all but normal: its fourth moment is three squared variances.
    const fourth = values.reduce((sum, value) => sum + value ** 4, 0) / values.length;
    expect(fourth / variance(values) ** 2).toBeCloseTo(3, 1);
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

  test("a name that is not an initializer is refused", () => {
    expect(() => one("layer/kernel", [2, 2], { kernel_initializer: "Magic" })).toThrow(
      /layer\/kernel: The initializer "Magic" is unknown/,
    );
    expect(() => one("layer/kernel", [2, 2], { kernel_initializer: "toString" })).toThrow(FlError);
  });

  test("an option that is not a number is refused", () => {
    const initializer = { class_name: "Constant", config: { value: "1" } };
    expect(() => one("layer/kernel", [2], { kernel_initializer: initializer })).toThrow(
      /value must be a number/,
    );
  });
});

describe("layers within layers, and names with slashes", () => {
  const lstm = (config: object) => ({ class_name: "LSTM", config: { name: "l", units: 2, ...config } });
  const weights = (layers: readonly object[], ...shapes: readonly (readonly [string, readonly number[]])[]) =>
    initialWeights(
      { model_config: { class_name: "Sequential", config: { layers } } },
      shapes.map(([name, shape]) => ({ name, shape })),
      1,
    ).map(({ values }) => [...values]);

  test("an LSTM forgets nothing at first, unless unit_forget_bias is false", () => {
    const constant = { class_name: "Constant", config: { value: 0.5 } };
    expect(weights([lstm({})], ["l/bias", [8]])).toEqual([[0, 0, 1, 1, 0, 0, 0, 0]]);
    expect(weights([lstm({ bias_initializer: constant })], ["l/bias", [8]])).toEqual([
      [0.5, 0.5, 1, 1, 0.5, 0.5, 0.5, 0.5],
    ]);
    expect(weights([lstm({ unit_forget_bias: false })], ["l/bias", [8]])).toEqual([Array(8).fill(0)]);
    const gru = { class_name: "GRU", config: { name: "g" } };
    expect(weights([gru], ["g/bias", [6]])).toEqual([Array(6).fill(0)]);
  });

  test("Bidirectional and TimeDistributed begin as the layer in them says", () => {
    const layer = lstm({ kernel_initializer: "ones" });
    const both = { class_name: "Bidirectional", config: { name: "a/b", layer } };
    const dense = { class_name: "Dense", config: { name: "d", kernel_initializer: "ones" } };
    const each = { class_name: "TimeDistributed", config: { name: "t", layer: dense } };
    expect(
      weights(
        [both, each],
        ["a/b/forward_l/kernel", [1, 8]],
        ["a/b/backward_l/bias", [8]],
        ["t/kernel", [1, 2]],
      ),
    ).toEqual([Array(8).fill(1), [0, 0, 1, 1, 0, 0, 0, 0], [1, 1]]);
  });

  test("a name is compared whole", () => {
    const dense = (name: string, value: number) => ({
      class_name: "Dense",
      config: { name, kernel_initializer: { class_name: "Constant", config: { value } } },
    });
    const layers = [dense("dense", 1), dense("block1/dense", 2), dense("block1", 3)];
    expect(weights(layers, ["block1/dense/kernel", [1]], ["dense/kernel", [1]])).toEqual([[2], [1]]);
    expect(() => weights(layers, ["block2/dense/kernel", [1]])).toThrow(
      /block2\/dense\/kernel is of no layer/,
    );
  });

  test("an option that an initializer does not have is refused by its name", () => {
    const kernel_initializer = { class_name: "GlorotUniform", config: { seed: 3, scale: 2 } };
    const dense = { class_name: "Dense", config: { name: "d", kernel_initializer } };
    expect(() => weights([dense], ["d/kernel", [2, 2]])).toThrow(/GlorotUniform has no option scale/);
  });
});

test("a scalar and an empty tensor have values too", () => {
  expect(one("layer/kernel", [])).toHaveLength(1);
  expect(one("layer/kernel", [0, 4])).toHaveLength(0);
});
