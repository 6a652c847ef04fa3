// The Gram matrix of updates: distances by it are those between the values.
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  GRAM_CHUNK,
  GramSums,
  squaredDistance,
  squaredDistancesFrom,
} from "../../../../shared/core/methods/aggregation/gram.ts";

const value = fc.float({ noNaN: true, min: -100, max: 100 });
const rows = fc
  .integer({ min: 1, max: 6 })
  .chain((length) =>
    fc.array(fc.array(value, { minLength: length, maxLength: length }), { minLength: 1, maxLength: 6 }),
  );

function gramOf(values: readonly (readonly number[])[], scales = values.map(() => 1)): GramSums {
  const gram = new GramSums(values.length);
  gram.add(
    values.map((row) => Float32Array.from(row)),
    scales,
    0,
    values[0]?.length ?? 0,
  );
  return gram;
}

const square = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, k) => sum + (x - (b[k] ?? 0)) ** 2, 0);

it("gives the distances between the rows", () => {
  fc.assert(
    fc.property(rows, (values) => {
      const gram = gramOf(values);
      for (const [i, a] of values.entries()) {
        for (const [j, b] of values.entries()) {
          expect(squaredDistance(gram, i, j)).toBeCloseTo(square(a, b), 6);
          expect(squaredDistance(gram, i, j)).toBe(squaredDistance(gram, j, i));
        }
      }
    }),
  );
});

it("gives the distances of the rows from any mean of theirs", () => {
  fc.assert(
    fc.property(rows, fc.infiniteStream(fc.integer({ min: 1, max: 100 })), (values, stream) => {
      const drawn = values.map(() => stream.next().value);
      const total = drawn.reduce((sum, weight) => sum + weight, 0);
      const weights = drawn.map((weight) => weight / total);
      const mean = (values[0] ?? []).map((_, k) =>
        values.reduce((sum, row, i) => sum + (weights[i] ?? 0) * (row[k] ?? 0), 0),
      );
      for (const [j, distance] of squaredDistancesFrom(weights, gramOf(values)).entries()) {
        expect(distance).toBeCloseTo(square(mean, values[j] ?? []), 6);
      }
    }),
  );
});

it("loses nothing of what rows differ by to what they have in common", () => {
  const gram = gramOf([
    [2 ** 20, 0.25],
    [2 ** 20 + 0.125, 0.25],
  ]);
  expect(squaredDistance(gram, 0, 1)).toBe(0.125 ** 2);
});

it("keeps the distances between the others, however far away the first one lies", () => {
  const near = gramOf([
    [1e20, -1e20],
    [0.25, 1],
    [0.5, 1],
  ]);
  expect(squaredDistance(near, 1, 2)).toBe(0.25 ** 2);
});

it("counts rows by their scales, and in chunks as at once", () => {
  expect(squaredDistance(gramOf([[4], [2]], [0.5, 1]), 0, 1)).toBe(0);
  const long = [1, 2].map((seed) =>
    Float32Array.from({ length: GRAM_CHUNK + 3 }, (_, k) => Math.sin(seed * k)),
  );
  const [whole, apart] = [new GramSums(2), new GramSums(2)];
  whole.add(long, [1, 1], 0, GRAM_CHUNK + 3);
  apart.add(long, [1, 1], 0, GRAM_CHUNK);
  apart.add(long, [1, 1], GRAM_CHUNK, GRAM_CHUNK + 3);
  expect(apart.at(1, 1)).toBe(whole.at(1, 1));
});
