// Operations of a sample, by hand.
import { describe, expect, test } from "vitest";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { forwardFlops } from "../../../shared/core/models/modelFlops.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { LayersTopology } from "../../../shared/core/schemas/model.ts";

/** A sequence of Keras layers. */
function sequence(...layers: readonly [string, Readonly<Record<string, unknown>>][]): LayersTopology {
  const config = layers.map(([class_name, options], i) => ({
    class_name,
    config: { name: `l${i}`, ...options },
  }));
  return {
    model_config: { class_name: "Sequential", config: { name: "m", layers: config } },
  } as LayersTopology;
}

describe("forwardFlops", () => {
  test("of dense layers: two for each weight, and one for each value", () => {
    // 4 → 8 → 3: 2·32 + 8 + 2·24 + 3, and one.
    expect(forwardFlops(toLayersTopology(modelSpec("tiny-mlp")))).toBe(64 + 8 + 48 + 3 + 1);
  });

  test("of convolutions: the kernel at each place", () => {
    const kernels = 2 * (5 * 5 * 32 * 24 * 24 + 5 * 5 * 32 * 64 * 8 * 8 + 1_024 * 512 + 512 * 10);
    const values = 24 * 24 * 32 + 12 * 12 * 32 + 8 * 8 * 64 + 4 * 4 * 64 + 1_024 + 512 + 10;
    expect(forwardFlops(toLayersTopology(modelSpec("mnist-cnn")))).toBe(kernels + values + 1);
  });

  test("of recurrent layers: the kernels at each step, whatever they put out", () => {
    const kernels = 2 * (6 * 4 * 5 + 5 * 4 * 5) * 7;
    const lstm = (sequences: boolean) =>
      sequence(["LSTM", { units: 5, return_sequences: sequences, batch_input_shape: [null, 7, 6] }]);
    expect(forwardFlops(lstm(false))).toBe(kernels + 5 + 1);
    expect(forwardFlops(lstm(true))).toBe(kernels + 35 + 1);
  });

  test("an embedding multiplies nothing", () => {
    const model = sequence(["Embedding", { input_dim: 100, output_dim: 8, batch_input_shape: [null, 7] }]);
    expect(forwardFlops(model)).toBe(56 + 1);
  });

  test("is not known of texts of any length", () => {
    const model = sequence(["Embedding", { input_dim: 9, output_dim: 2, batch_input_shape: [null, null] }]);
    expect(forwardFlops(model)).toBeUndefined();
  });

  test("grows with the layers", () => {
    const wide = (units: number) =>
      forwardFlops(shortTopology([10], [{ type: "Dense", units, activation: "relu" }] as never)) ?? 0;
    expect(wide(20)).toBeGreaterThan(wide(10));
  });
});
