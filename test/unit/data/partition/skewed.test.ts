// Shards, classes a client, sizes and natural groups: each makes the skew that it is named after.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { naturalParts } from "../../../../infra/data/partition/natural.ts";
import { byClass } from "../../../../infra/data/partition/parts.ts";
import { pathologicalParts } from "../../../../infra/data/partition/pathological.ts";
import { shardParts } from "../../../../infra/data/partition/shards.ts";
import { linearWeights, sizedParts } from "../../../../infra/data/partition/sizes.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { anyLabels, balanced, classesOf } from "../../../support/labels.ts";

const sizesOf = (parts: readonly number[][]) => parts.map(({ length }) => length);

describe("shards", () => {
  test("are dealt in nearly equal numbers", () => {
    fc.assert(
      fc.property(
        anyLabels,
        fc.nat(),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        (labels, seed, shardsPerClient, pick) => {
          fc.pre(labels.length >= shardsPerClient);
          const clients = 1 + (pick % Math.floor(labels.length / shardsPerClient));
          const sizes = sizesOf(shardParts(labels, { clients, seed, shardsPerClient }));
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(shardsPerClient);
        },
      ),
    );
  });

  test("let a client know two classes", () => {
    for (const places of shardParts(balanced, { clients: 100, seed: 9 })) {
      expect(classesOf(balanced, places).size).toBeLessThanOrEqual(2);
    }
  });

  test("that there are too few samples for are refused", () => {
    expect(() => shardParts([0, 1, 2], { clients: 2, seed: 1 })).toThrow(FlError);
    expect(() => shardParts([0, 1, 2], { clients: 1, seed: 1, shardsPerClient: 0 })).toThrow(FlError);
  });
});

describe("classes a client", () => {
  test("are exact where samples suffice, and each class has as many holders as the others", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 20 }),
        (seed, classesPerClient, more) => {
          const clients = Math.ceil(10 / classesPerClient) + more - 1;
          const parts = pathologicalParts(balanced, { clients, seed, classesPerClient });
          const known = parts.map((places) => classesOf(balanced, places));
          for (const classes of known) expect(classes.size).toBe(classesPerClient);
          const holders = Array.from({ length: 10 }, (_, one) => known.filter((of) => of.has(one)).length);
          expect(Math.max(...holders) - Math.min(...holders)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test.each([
    [
      "a client cannot know more classes than there are",
      { clients: 2, classesPerClient: 3 },
      "3 of 2 classes",
    ],
    ["nor none", { clients: 2, classesPerClient: 0 }, "classesPerClient"],
    ["a class that nobody would hold is not lost", { clients: 1, classesPerClient: 1 }, "all 2 classes"],
    [
      "a minimum that does not come of it is said",
      { clients: 2, classesPerClient: 1, minSamples: 2 },
      "1 of 2",
    ],
  ])("%s", (_, options, words) => {
    expect(() => pathologicalParts([0, 0, 0, 1], { seed: 1, ...options })).toThrow(words);
  });
});

describe("sizes", () => {
  test("are in the proportions asked for, to the next whole number", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1, max: 10, noNaN: true }), { minLength: 1, maxLength: 10 }),
        fc.integer({ min: 200, max: 900 }),
        fc.nat(),
        (weights, samples, seed) => {
          const sum = weights.reduce((total, weight) => total + weight, 0);
          for (const [i, size] of sizesOf(sizedParts(samples, { weights, seed })).entries()) {
            expect(Math.abs(size - ((weights[i] ?? 0) / sum) * samples)).toBeLessThanOrEqual(1 + 1e-6);
          }
        },
      ),
    );
  });

  test("grow by the same step where they are linear", () => {
    expect(sizesOf(sizedParts(100, { weights: linearWeights(4), seed: 3 }))).toEqual([10, 20, 30, 40]);
  });

  test("leave the smallest client the minimum", () => {
    expect(sizesOf(sizedParts(100, { weights: [1, 1_000], seed: 3, minSamples: 5 }))).toEqual([5, 95]);
  });

  test.each([
    [[1, 0]],
    [[1, -1]],
    [[1, Number.NaN]],
    [[1, Number.POSITIVE_INFINITY]],
    [[1e308, 1e308]],
    [[]],
  ])("%j is refused", (weights) => {
    expect(() => sizedParts(10, { weights, seed: 1 })).toThrow(FlError);
  });
});

describe("natural groups", () => {
  test("stay together, their samples in order", () => {
    fc.assert(
      fc.property(anyLabels, fc.nat(), (groups, pick) => {
        const parts = naturalParts(groups, { clients: 1 + (pick % byClass(groups).length) });
        for (const places of parts) expect(places).toEqual(places.toSorted((a, b) => a - b));
        const homes = parts.flatMap((places) => [...classesOf(groups, places)]);
        expect(new Set(homes).size).toBe(homes.length);
      }),
    );
  });

  test("are a client each, or dealt out to fewer: the largest first, each to the poorest", () => {
    const groups = [0, 0, 0, 1, 1, 2, 2, 3];
    expect(naturalParts(groups)).toEqual([[0, 1, 2], [3, 4], [5, 6], [7]]);
    expect(naturalParts(groups, { clients: 2 })).toEqual([
      [0, 1, 2, 7],
      [3, 4, 5, 6],
    ]);
  });

  test("that are too small, or too few, are refused with their number", () => {
    expect(() => naturalParts([0, 0, 1, 2], { minSamples: 2 })).toThrow("2 of 3 clients");
    expect(() => naturalParts([0, 0, 1], { clients: 3 })).toThrow("2 groups");
    expect(naturalParts([0, 0, 1, 2], { minSamples: 2, clients: 2 })).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});
