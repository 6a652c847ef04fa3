// Parts of a model: cut out of a delta and put back, they are the delta within their boxes and nothing else.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WeightedSum } from "../../../shared/core/methods/aggregation/weightedSum.ts";
import { type Covers, coveredShape, cutToCovers, placedAt } from "../../../shared/core/updates/covers.ts";
import { flatLayout } from "../../../shared/core/updates/flat.ts";
import { elementCount } from "../../../shared/core/updates/safetensors.ts";
import type { ModelShape, Weights } from "../../../shared/core/updates/weights.ts";
import { deepFreeze } from "../../support/builders.ts";

const model: ModelShape = deepFreeze([
  { name: "kernel", shape: [3, 4, 2] },
  { name: "bias", shape: [5] },
  { name: "scale", shape: [] },
  { name: "mean", shape: [4], role: "statistic" as const },
  { name: "fixed", shape: [2], role: "frozen" as const },
]);
const whole: Weights = model
  .filter(({ role }) => role !== "frozen")
  .map(({ name, shape }) => ({
    name,
    shape,
    values: Float32Array.from({ length: elementCount(shape) }, (_, i) => i + 1),
  }));

const boxWithin = (name: string, shape: readonly number[]) =>
  fc.tuple(...shape.map((length) => fc.tuple(fc.nat(length - 1), fc.nat(length - 1)))).map((ends) => ({
    name,
    at: ends.map(([a, b]) => Math.min(a, b)),
    shape: ends.map(([a, b]) => Math.abs(a - b) + 1),
  }));
const someCovers = fc
  .tuple(...whole.map(({ name, shape }) => fc.option(boxWithin(name, shape), { nil: null })))
  .map((boxes): Covers => boxes.filter((box) => box !== null))
  .filter((covers) => covers.length > 0);

/** Whether an element of a parameter lies in its box; computed one axis at a time. */
function isWithin(covers: Covers, name: string, shape: readonly number[], index: number): boolean {
  const box = covers.find((one) => one.name === name);
  if (box === undefined) return false;
  let rest = index;
  return shape.every((_, axis) => {
    const stride = elementCount(shape.slice(axis + 1));
    const place = Math.floor(rest / stride);
    rest %= stride;
    const from = box.at[axis] ?? 0;
    return place >= from && place < from + (box.shape[axis] ?? 0);
  });
}

describe("a delta that is cut and put back", () => {
  it("is itself within the boxes, and nothing outside of them", () => {
    const before = structuredClone(whole);
    fc.assert(
      fc.property(someCovers, (covers) => {
        const parts = cutToCovers(whole, model, deepFreeze(covers));
        expect(parts.map(({ name, shape }) => ({ name, shape }))).toEqual(
          coveredShape(model, covers).map(({ name, shape }) => ({ name, shape })),
        );
        for (const { shape, values } of parts) expect(values).toHaveLength(elementCount(shape));
        const layout = flatLayout(model);
        const sum = new WeightedSum(layout);
        sum.add(placedAt(parts, model, covers), 2, 1);
        for (const segment of layout.segments) {
          const values = whole.find(({ name }) => name === segment.name)?.values;
          const expected = Array.from({ length: segment.length }, (_, i) =>
            isWithin(covers, segment.name, segment.shape, i) ? (values?.[i] ?? 0) : -1,
          );
          expect([...sum.of(segment, () => -1)], segment.name).toEqual(expected);
        }
      }),
    );
    expect(whole).toEqual(before);
  });

  it("shares its memory, and has no place, where a parameter is covered whole", () => {
    const covers = [{ name: "bias", at: [0], shape: [5] }];
    const parts = cutToCovers(whole, model, covers);
    expect(parts[0]?.values.buffer).toBe(whole[1]?.values.buffer);
    expect(placedAt(parts, model, covers)).toEqual([whole[1]]);
  });
});

describe("parts that no update can have", () => {
  it.each<[string, Covers, RegExp]>([
    ["none at all", [], /at least one parameter/],
    [
      "a parameter twice",
      [
        { name: "bias", at: [0], shape: [1] },
        { name: "bias", at: [1], shape: [1] },
      ],
      /twice/,
    ],
    ["an unknown parameter", [{ name: "other", at: [0], shape: [1] }], /no tensor "other"/],
    ["a frozen parameter", [{ name: "fixed", at: [0], shape: [1] }], /no tensor "fixed"/],
    ["a box beyond the end", [{ name: "bias", at: [4], shape: [2] }], /not within "bias"/],
    ["a box before the beginning", [{ name: "bias", at: [-1], shape: [2] }], /not within "bias"/],
    ["an empty box", [{ name: "bias", at: [0], shape: [0] }], /not within "bias"/],
    ["a fraction", [{ name: "bias", at: [0.5], shape: [1] }], /not within "bias"/],
    ["too few axes", [{ name: "kernel", at: [0, 0], shape: [1, 1] }], /not within "kernel"/],
    ["too many axes", [{ name: "scale", at: [0], shape: [1] }], /not within "scale"/],
  ])("%s", (_, covers, message) => {
    for (const use of [
      () => coveredShape(model, covers),
      () => cutToCovers(whole, model, covers),
      () => placedAt(whole, model, covers),
    ]) {
      expect(use).toThrow(message);
    }
  });
});
