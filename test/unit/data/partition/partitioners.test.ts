// What holds for every way of spreading samples over clients: nothing twice, nothing lost, everybody gets
// something, the same from the same seed, and what cannot be is refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dirichletParts } from "../../../../infra/data/partition/dirichlet.ts";
import { iidParts } from "../../../../infra/data/partition/iid.ts";
import { naturalParts } from "../../../../infra/data/partition/natural.ts";
import { byClass } from "../../../../infra/data/partition/parts.ts";
import { pathologicalParts } from "../../../../infra/data/partition/pathological.ts";
import { shardParts } from "../../../../infra/data/partition/shards.ts";
import { linearWeights, sizedParts } from "../../../../infra/data/partition/sizes.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { anyLabels, balanced } from "../../../support/labels.ts";

interface Asked {
  readonly clients: number;
  readonly seed: number;
  readonly minSamples?: number;
}

interface Partitioner {
  readonly split: (labels: ArrayLike<number>, asked: Asked) => number[][];
  /** As many clients as it can serve. */
  readonly most: (labels: ArrayLike<number>) => number;
  /** Whether it sees to any minimum that there are enough samples for, says that it cannot, or has none. */
  readonly minimum: "kept" | "kept or refused" | "none";
  /** Whether it draws. */
  readonly draws: boolean;
}

const every = (labels: ArrayLike<number>) => labels.length;

const PARTITIONERS: Readonly<Record<string, Partitioner>> = {
  iid: {
    split: ({ length }, asked) => iidParts(length, asked),
    most: every,
    minimum: "kept",
    draws: true,
  },
  dirichlet: {
    split: (labels, asked) => dirichletParts(labels, { ...asked, alpha: 0.3 }),
    most: every,
    minimum: "kept",
    draws: true,
  },
  "dirichlet, balanced": {
    split: (labels, asked) => dirichletParts(labels, { ...asked, alpha: 0.3, isBalanced: true }),
    most: every,
    minimum: "kept",
    draws: true,
  },
  "linear sizes": {
    split: ({ length }, { clients, ...asked }) =>
      sizedParts(length, { ...asked, weights: linearWeights(clients) }),
    most: every,
    minimum: "kept",
    draws: true,
  },
  shards: {
    split: (labels, asked) => shardParts(labels, { ...asked, shardsPerClient: 1 }),
    most: every,
    minimum: "none",
    draws: true,
  },
  pathological: {
    split: (labels, asked) =>
      pathologicalParts(labels, { ...asked, classesPerClient: byClass(labels).length }),
    // With more, a class may be too small for its holders.
    most: (labels) => Math.min(...byClass(labels).map(({ length }) => length)),
    minimum: "kept or refused",
    draws: true,
  },
  natural: {
    split: (labels, { seed: _, ...asked }) => naturalParts(labels, asked),
    most: (labels) => byClass(labels).length,
    minimum: "kept or refused",
    draws: false,
  },
};

const all = (labels: ArrayLike<number>) => Array.from(labels, (_, place) => place);
const flat = (parts: readonly number[][]) => parts.flat().toSorted((a, b) => a - b);

describe.each(Object.entries(PARTITIONERS))("%s", (_name, { split, most, minimum, draws }) => {
  test("gives every sample to one client, and each client at least one", () => {
    fc.assert(
      fc.property(anyLabels, fc.nat(), fc.nat(), (labels, seed, pick) => {
        const clients = 1 + (pick % most(labels));
        const parts = split(labels, { clients, seed });
        expect(parts).toHaveLength(clients);
        expect(flat(parts)).toEqual(all(labels));
        expect(Math.min(...parts.map(({ length }) => length))).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  test("keeps to the minimum, or says that it cannot", () => {
    fc.assert(
      fc.property(anyLabels, fc.nat(), fc.nat(), (labels, seed, pick) => {
        const clients = 1 + (pick % most(labels));
        const minSamples = Math.floor(labels.length / clients);
        const parts = refusedOr(() => split(labels, { clients, seed, minSamples }));
        if (minimum !== "kept or refused") expect(parts).not.toBeNull();
        if (parts === null) return;
        const least = Math.min(...parts.map(({ length }) => length));
        expect(least).toBeGreaterThanOrEqual(minimum === "none" ? 1 : minSamples);
        expect(flat(parts)).toEqual(all(labels));
      }),
    );
  });

  test("is a function of the seed, and leaves the labels alone", () => {
    const labels = balanced.slice();
    const asked = { clients: 7, seed: 5 };
    expect(split(labels, asked)).toEqual(split(labels, asked));
    if (draws) expect(split(labels, { ...asked, seed: 6 })).not.toEqual(split(labels, asked));
    expect(labels).toEqual(balanced);
  });

  test.each([
    ["one class", Float64Array.of(4, 4, 4, 4)],
    ["no labels", new Float64Array(4).fill(Number.NaN)],
    ["one sample", Float64Array.of(7)],
  ])("of %s, one client has all", (_what, labels) => {
    expect(flat(split(labels, { clients: 1, seed: 1 }))).toEqual(all(labels));
  });

  test.each([
    ["more clients than samples", { clients: 3 }],
    ["no clients", { clients: 0 }],
    ["half a client", { clients: 1.5 }],
    ["a client less than none", { clients: -1 }],
  ])("%s is refused", (_what, asked) => {
    expect(() => split(Float64Array.of(0, 1), { seed: 1, ...asked })).toThrow(FlError);
  });

  test("no samples are refused", () => {
    expect(() => split(new Float64Array(0), { clients: 1, seed: 1 })).toThrow(FlError);
  });
});

function refusedOr<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid-argument" });
    return null;
  }
}

test("classes are in the order of their numbers, those without a number last", () => {
  expect(byClass([3, Number.NaN, -1, 3, 10, Number.NaN])).toEqual([[2], [0, 3], [4], [1, 5]]);
});
