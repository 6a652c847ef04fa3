// Sums of updates that have a part of the parameters only: each coordinate is the mean of those that have it.
import fc from "fast-check";
import { expect, it } from "vitest";
import { WeightedSum } from "../../../../shared/core/methods/aggregation/weightedSum.ts";
import { flatLayout } from "../../../../shared/core/updates/flat.ts";
import type { Weight } from "../../../../shared/core/updates/weights.ts";

const shape = [3, 4, 2];
const model = [{ name: "w", shape }];
const [segment] = flatLayout(model).segments;

interface Part {
  readonly at: readonly number[];
  readonly size: readonly number[];
  readonly weight: number;
}

const part = fc.record({
  at: fc.tuple(fc.nat(2), fc.nat(3), fc.nat(1)),
  size: fc.tuple(fc.nat(3), fc.nat(4), fc.nat(2)),
  weight: fc.integer({ min: 1, max: 9 }),
});

/** Value k of a part is its place in the whole, times its weight: easy to check by hand. */
function weightOf({ at, size }: Part): { readonly weight: Weight; readonly places: readonly number[] } {
  const box = size.map((length, axis) => Math.min(length, (shape[axis] ?? 0) - (at[axis] ?? 0)));
  const places: number[] = [];
  for (let a = 0; a < (box[0] ?? 0); a++) {
    for (let b = 0; b < (box[1] ?? 0); b++) {
      for (let c = 0; c < (box[2] ?? 0); c++) {
        places.push(((a + (at[0] ?? 0)) * 4 + b + (at[1] ?? 0)) * 2 + c + (at[2] ?? 0));
      }
    }
  }
  return { weight: { name: "w", shape: box, at, values: Float32Array.from(places) }, places };
}

it("averages each coordinate over the updates that have it", () => {
  if (segment === undefined) throw new Error("unreachable");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.boolean(), (parts, hasWhole) => {
      const sum = new WeightedSum(flatLayout(model));
      const totals = new Array<number>(24).fill(hasWhole ? 5 : 0);
      if (hasWhole) sum.add([{ name: "w", shape, values: new Float32Array(24).fill(-1) }], 5, 1);
      const sums = new Array<number>(24).fill(hasWhole ? -5 : 0);
      for (const one of parts) {
        const { weight, places } = weightOf(one);
        sum.add([weight], one.weight, 1);
        for (const place of places) {
          totals[place] = (totals[place] ?? 0) + one.weight;
          sums[place] = (sums[place] ?? 0) + one.weight * place;
        }
      }
      const means = sum.of(segment, (i) => 1_000 + i);
      for (const [i, mean] of means.entries()) {
        const total = totals[i] ?? 0;
        expect(mean).toBeCloseTo(total === 0 ? 1_000 + i : (sums[i] ?? 0) / total, 10);
      }
    }),
  );
});

it("adds the same to a parameter in one pass as in two", () => {
  if (segment === undefined) throw new Error("unreachable");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.boolean(), (parts, hasWhole) => {
      const sumOf = () => {
        const sum = new WeightedSum(flatLayout(model));
        if (hasWhole) sum.add([{ name: "w", shape, values: new Float32Array(24).fill(-0.7) }], 3, 1);
        for (const one of parts) sum.add([weightOf(one).weight], one.weight, 1);
        return sum;
      };
      const base = Float32Array.from({ length: 24 }, (_, i) => i / 7);
      const [inOne, inTwo] = [base.slice(), base.slice()];
      sumOf().addTo(segment, inOne);
      for (const [i, mean] of sumOf()
        .of(segment, () => 0)
        .entries()) {
        inTwo[i] = (inTwo[i] ?? 0) + mean;
      }
      expect([...inOne]).toEqual([...inTwo]);
    }),
  );
});

it.each([
  ["a tensor that there is not", { name: "v", shape, values: new Float32Array(24) }],
  ["another shape", { name: "w", shape: [24], values: new Float32Array(24) }],
  ["too few values", { name: "w", shape, values: new Float32Array(23) }],
  ["a part that reaches out", { name: "w", shape: [1, 1, 2], at: [0, 0, 1], values: new Float32Array(2) }],
  ["a part before the start", { name: "w", shape: [1, 1, 1], at: [0, -1, 0], values: new Float32Array(1) }],
  ["a part of fewer axes", { name: "w", shape: [1, 1], at: [0, 0], values: new Float32Array(1) }],
])("refuses %s, with the sums unchanged", (_, weight) => {
  if (segment === undefined) throw new Error("unreachable");
  const sum = new WeightedSum(flatLayout(model));
  sum.add([{ name: "w", shape, values: new Float32Array(24).fill(2) }], 3, 1);
  const good = { name: "w", shape: [1, 1, 1], at: [0, 0, 0], values: Float32Array.of(9) };
  expect(() => sum.add([good, weight], 1, 1)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  expect(() => sum.add([weight], 1, 1)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  expect([...sum.of(segment, () => 0)]).toEqual(new Array(24).fill(2));
});

it.each([
  [0, 1],
  [-1, 1],
  [Number.NaN, 1],
  [Number.POSITIVE_INFINITY, 1],
  [1, 0],
  [1, 1.01],
])("refuses the weight %d with the scale %d", (weight, scale) => {
  const sum = new WeightedSum(flatLayout(model));
  expect(() => sum.add([], weight, scale)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
});
