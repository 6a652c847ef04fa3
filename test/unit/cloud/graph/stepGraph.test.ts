// A recorded step as a graph: which recordings are of one step, and how constants are written.
import { describe, expect, it } from "vitest";
import type { Constant, Recording } from "../../../../shared/cloud/tensors/graph/recordStep.ts";
import { isSameStep, stepGraph } from "../../../../shared/cloud/tensors/graph/stepGraph.ts";

const constant = (values: readonly number[], more: Partial<Constant> = {}): Constant => ({
  shape: [values.length],
  dtype: "float32",
  values: Float32Array.from(values),
  ...more,
});

const recording = (constants: readonly Constant[], op = "Mul"): Recording => ({
  ops: [
    {
      name: op,
      attributes: [],
      inputs: constants.map(({ shape, dtype }, index) => ({
        source: { kind: "constant", constant: index },
        shape,
        madeShape: shape,
        dtype,
      })),
    },
  ],
  constants,
  draws: [],
  results: [{ source: { kind: "op", op: 0, output: 0 }, shape: [], madeShape: [], dtype: "float32" }],
});

describe("one step or two", () => {
  const a = recording([constant([1, 2, Number.NaN])]);

  it("is one where operations and constants are the same, also those that are not a number", () => {
    expect(isSameStep(a, recording([constant([1, 2, Number.NaN])]))).toBe(true);
  });

  it.each([
    ["another value", recording([constant([1, 3, Number.NaN])])],
    ["a value of another sign", recording([constant([1, 2, 0])])],
    ["another length", recording([constant([1, 2])])],
    ["another shape", recording([constant([1, 2, Number.NaN], { shape: [1, 3] })])],
    ["another type", recording([constant([1, 2, Number.NaN], { dtype: "int32" })])],
    ["another constant more", recording([constant([1, 2, Number.NaN]), constant([1])])],
    ["another operation", recording([constant([1, 2, Number.NaN])], "AddV2")],
  ])("is not with %s", (_, b) => {
    expect(isSameStep(a, b)).toBe(false);
    expect(isSameStep(b, a)).toBe(false);
  });

  it("tells zero from minus zero, by which a graph may divide", () => {
    expect(isSameStep(recording([constant([0])]), recording([constant([-0])]))).toBe(false);
  });
});

describe("constants", () => {
  const written = (one: Constant) =>
    stepGraph(recording([one]), { state: [], held: [], fed: [] }).find(({ name }) => name === "constant_0")
      ?.attributes["value"];

  it("are written as they are", () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
    expect(written(constant([1, 2]))).toEqual({ kind: "tensor", type: 1, shape: [2], bytes });
  });

  it("are written once where all elements have one value", () => {
    const ones = { shape: [32, 24, 24], values: Float32Array.of(1) };
    expect(written(constant([1], ones))).toEqual({ kind: "filled", type: 1, shape: [32, 24, 24], value: 1 });
  });

  it.each([[[]], [[1]], [[1, 1]]])("of a single element have the shape %j", (shape) => {
    const bytes = new Uint8Array(Float32Array.of(7).buffer);
    expect(written(constant([7], { shape }))).toEqual({ kind: "tensor", type: 1, shape, bytes });
  });
});
