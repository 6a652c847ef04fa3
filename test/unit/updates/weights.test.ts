// Weights by name: ordering, conversion to tensors and back, and the delta of an update.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { turnIntoDelta } from "../../../shared/core/updates/delta.ts";
import { floatTensor } from "../../../shared/core/updates/safetensors.ts";
import { orderWeights, tensorsOf, type Weight, weightsOf } from "../../../shared/core/updates/weights.ts";

const weight = (name: string, ...values: number[]): Weight => ({
  name,
  shape: [values.length],
  values: Float32Array.from(values),
});
const a = weight("a", 1, 2);
const b = weight("b", 3);

describe("orderWeights", () => {
  it("puts weights in the model's order without copying", () => {
    const ordered = orderWeights([b, a], [a, b]);
    expect(ordered[0]).toBe(a);
    expect(ordered[1]).toBe(b);
    expect(orderWeights([], [])).toEqual([]);
  });

  it.each<[string, Weight[], string]>([
    ["a missing tensor", [a], "Expected 2 different tensors, got 1."],
    ["one too many", [a, b, weight("c", 1)], "Expected 2 different tensors, got 3."],
    ["one twice", [a, a], "Expected 2 different tensors, got 2."],
    ["all of them and one twice", [a, b, a], "Expected 2 different tensors, got 3."],
    ["another name", [a, weight("c", 1)], 'Tensor "b" is missing.'],
    [
      "another shape",
      [{ ...a, shape: [1, 2] }, b],
      'Tensor "a" has the shape [1, 2] and 2 values, expected [2].',
    ],
    [
      "too few values",
      [{ ...a, values: new Float32Array(1) }, b],
      'Tensor "a" has the shape [2] and 1 values',
    ],
  ])("refuses %s", (_, weights, message) => {
    expect(() => orderWeights(weights, [a, b])).toThrow(message);
  });
});

describe("tensorsOf and weightsOf", () => {
  it("are inverses and share memory", () => {
    const weights = weightsOf(tensorsOf([b, a]), [a, b]);
    expect(weights).toEqual([a, b]);
    expect(weights[0]?.values.buffer).toBe(a.values.buffer);
  });

  it("refuse what is no float32", () => {
    const half = { ...floatTensor("a", [2], Float32Array.of(1, 2)), dtype: "F16" as const, shape: [4] };
    expect(() => weightsOf([half], [a])).toThrow("expected F32");
  });
});

describe("turnIntoDelta", () => {
  it("is local minus base by name, in the base's order", () => {
    expect(turnIntoDelta([weight("b", 5), weight("a", 1.5, 0)], [a, b])).toEqual([
      weight("a", 0.5, -2),
      weight("b", 2),
    ]);
  });

  it("is written over the local weights, and the base stays as it was", () => {
    const local = weight("a", 4, 5);
    expect(turnIntoDelta([local], [a])[0]?.values).toBe(local.values);
    expect(local).toEqual(weight("a", 3, 3));
    expect(a).toEqual(weight("a", 1, 2));
  });

  it("shows what is not finite, for the check to find", () => {
    expect(turnIntoDelta([weight("b", Number.NaN)], [b])).toEqual([weight("b", Number.NaN)]);
  });

  it("of equal weights is zero, and adding it to the base gives the local weights to a rounding", () => {
    const value = fc.float({ noNaN: true, min: -1_000, max: 1_000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value)), (pairs) => {
        const base = weight("w", ...pairs.map(([x]) => x));
        const local = weight("w", ...pairs.map(([, y]) => y));
        const same = { ...base, values: base.values.slice() };
        expect(turnIntoDelta([same], [base])[0]?.values.every((x) => x === 0)).toBe(true);
        const [delta] = turnIntoDelta([{ ...local, values: local.values.slice() }], [base]);
        for (const [i, x] of base.values.entries()) {
          const sum = Math.fround(x + (delta?.values[i] ?? Number.NaN));
          expect(Math.abs(sum - (local.values[i] ?? 0))).toBeLessThanOrEqual(3e-4);
        }
      }),
    );
  });

  it("refuses another model", () => {
    const [one, other] = [weight("a", 4, 5), weight("c", 6)];
    expect(() => turnIntoDelta([one], [a, b])).toThrow("Expected 2");
    expect(() => turnIntoDelta([one, other], [a, b])).toThrow('"b" is missing');
    expect([one, other]).toEqual([weight("a", 4, 5), weight("c", 6)]);
  });
});
