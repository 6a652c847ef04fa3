// What comes before robust rules: golden groups and means, that weights and distances are those of the means
// themselves, and what a spec may ask for.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GramSums } from "../../../../shared/core/methods/aggregation/gram.ts";
import {
  bucketsOf,
  mixedGram,
  mixedRows,
  nearestOf,
  unmixed,
} from "../../../../shared/core/methods/aggregation/mixing.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { seven } from "./seven.ts";

const rowsOf = (values: readonly (readonly number[])[]) => values.map((one) => Float32Array.from(one));

function gramOf(rows: readonly Float32Array[]): GramSums {
  const gram = new GramSums(rows.length);
  const scales = rows.map(() => 1);
  gram.add(rows, scales, 0, rows[0]?.length ?? 0);
  return gram;
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `client-${i}`);

describe("bucketing", () => {
  it("gives the golden means", () => {
    const mixed = mixedRows(rowsOf(seven), [[0, 5], [1, 2], [3, 6], [4]]);
    const golden = [
      [-4.5, -9, -13.5],
      [1.05, 1.95, 2.95],
      [25.55, 1.1, 1.5],
      [1, 1.9, 2.9],
    ];
    for (const [i, means] of golden.entries()) {
      for (const [k, value] of means.entries()) expect(mixed[i]?.[k]).toBeCloseTo(value, 5);
    }
  });

  it("puts each update into one group, by the seed and not by the order", () => {
    const keys = names(7);
    const groups = bucketsOf(keys, 3, randomFrom("seed"));
    expect(groups.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(groups.flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const reversed = bucketsOf(keys.toReversed(), 3, randomFrom("seed"));
    expect(reversed.map((group) => group.map((i) => 6 - i))).toEqual(groups);
    const others = Array.from({ length: 10 }, (_, i) => bucketsOf(keys, 3, randomFrom("seed", i)));
    expect(new Set(others.map((group) => JSON.stringify(group))).size).toBeGreaterThan(5);
  });

  it("depends on the run's seed and on the round", async () => {
    const made = (seed: number, round: number) =>
      fold({
        aggregation: { strategy: "median", before: { step: "bucketing", size: 2 } },
        model: [{ name: "w", shape: [3] }],
        base: row(0, 0, 0),
        updates: seven.map((values) => ({ delta: row(...values) })),
        seed,
        round,
      }).then(({ weights }) => String(valuesOf(weights)));
    expect(await made(1, 60)).toBe(await made(1, 60));
    const of = async (pairs: readonly [number, number][]) =>
      new Set(await Promise.all(pairs.map(([seed, round]) => made(seed, round)))).size;
    expect(await of([1, 2, 3, 4, 5, 6].map((seed) => [seed, 60]))).toBeGreaterThan(2);
    expect(await of([60, 61, 62, 63, 64, 65].map((round) => [1, round]))).toBeGreaterThan(2);
  });
});

describe("nnm", () => {
  it("gives the golden means", () => {
    const rows = rowsOf(seven);
    const mixed = mixedRows(rows, nearestOf(gramOf(rows), 2));
    const golden = [
      ...Array.from({ length: 5 }, () => [1.04, 2, 2.96]),
      [-1.18, -2.44, -3.64],
      [10.86, 1.58, 2.4],
    ];
    for (const [i, means] of golden.entries()) {
      for (const [k, value] of means.entries()) expect(mixed[i]?.[k]).toBeCloseTo(value, 5);
    }
  });

  it("equals ByzFL's means, the first of equally near ones", () => {
    const rows = rowsOf([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]);
    expect(mixedRows(rows, nearestOf(gramOf(rows), 1)).map((one) => [...one])).toEqual([
      [2.5, 3.5, 4.5],
      [2.5, 3.5, 4.5],
      [5.5, 6.5, 7.5],
    ]);
  });

  it("has the trimmed mean of all be that of the honest", async () => {
    const { weights } = await fold({
      aggregation: { strategy: "trimmed-mean", maxMalicious: 2, before: { step: "nnm" } },
      model: [{ name: "w", shape: [3] }],
      base: row(0, 0, 0),
      updates: seven.map((values) => ({ delta: row(...values) })),
    });
    for (const [k, value] of [1.04, 2, 2.96].entries()) expect(valuesOf(weights)[k]).toBeCloseTo(value, 5);
  });
});

const drawn = fc
  .record({ n: fc.integer({ min: 1, max: 7 }), seed: fc.integer(), size: fc.integer({ min: 1, max: 3 }) })
  .map(({ n, seed, size }) => {
    const random = randomFrom(seed);
    const rows = Array.from({ length: n }, () => Float32Array.from({ length: 4 }, () => random.normal()));
    return { rows, mixing: bucketsOf(names(n), size, random), random };
  });

it("has the distances of the means themselves", () => {
  fc.assert(
    fc.property(drawn, fc.integer({ min: 0, max: 3 }), ({ rows, mixing: buckets }, bad) => {
      for (const mixing of [buckets, nearestOf(gramOf(rows), bad)]) {
        const [direct, derived] = [gramOf(mixedRows(rows, mixing)), mixedGram(gramOf(rows), mixing)];
        expect(derived.size).toBe(mixing.length);
        for (let i = 0; i < derived.size; i++) {
          for (let j = 0; j < derived.size; j++) expect(derived.at(i, j)).toBeCloseTo(direct.at(i, j), 5);
        }
      }
    }),
  );
});

it("shares out what the means count for, and how they are shortened, among the updates", () => {
  fc.assert(
    fc.property(drawn, ({ rows, mixing, random }) => {
      const weights = mixing.map(() => random.next());
      const scales = mixing.map(() => random.next());
      const own = unmixed({ weights, scales }, mixing, rows.length);
      const means = mixedRows(rows, mixing);
      const sum = (
        all: readonly Float32Array[],
        by: readonly number[],
        times: readonly number[],
        k: number,
      ) => all.reduce((total, one, i) => total + (by[i] ?? 0) * (times[i] ?? 0) * (one[k] ?? 0), 0);
      for (const k of [0, 1, 2, 3]) {
        expect(sum(rows, own.weights, own.scales ?? [], k)).toBeCloseTo(sum(means, weights, scales, k), 5);
      }
      const total = (all: readonly number[]) => all.reduce((one, other) => one + other, 0);
      expect(total(own.weights)).toBeCloseTo(total(weights), 10);
    }),
  );
});

const robust = [
  "median",
  "trimmed-mean",
  "multi-krum",
  "geometric-median",
  "norm-median",
  "centered-clipping",
  "bgmd",
];

describe.each(robust)("%s", (strategy) => {
  const model = [
    { name: "w", shape: [3] },
    { name: "s", shape: [1], role: "statistic" as const },
  ];
  const folded = (before: object, budgetBytes = Number.POSITIVE_INFINITY) =>
    fold({
      aggregation: { strategy, maxMalicious: 1, before },
      model,
      base: [...row(0, 0, 0), { name: "s", shape: [1], values: Float32Array.of(0) }],
      updates: Array.from({ length: 13 }, (_, i) => ({
        delta: [...row(...(seven[i % 5] ?? [])), { name: "s", shape: [1], values: Float32Array.of(3) }],
        samples: 5,
      })),
      budgetBytes,
    });

  it.each([{ step: "bucketing", size: 3 }, { step: "nnm" }])(
    "goes with %j, in any memory",
    async (before) => {
      const { consumed, weights, state } = await folded(before);
      expect(consumed.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
      expect(weights.find(({ name }) => name === "s")?.values[0]).toBeCloseTo(3, 6);
      expect(await folded(before, 0)).toMatchObject({ weights, state });
    },
  );

  it("folds no round that has too few for what comes before it, and no spec may ask for one", async () => {
    const spec = (aggregation: object, minUpdates: number, round: object = {}) =>
      RunSpec.safeParse({
        name: "robust",
        model: { builtin: "tiny-mlp" },
        selection: { strategy: "random", cohortSize: 60 },
        aggregation: { strategy, ...aggregation },
        round: { minUpdates, ...round },
      }).error?.issues.map(({ path, message }) => [path.join("."), message]);
    const rows = strategy === "multi-krum" ? 7 : 5;
    for (const [before, least] of [
      [{ step: "none" }, rows],
      [{ step: "bucketing", size: 2 }, 2 * rows - 1],
      [{ step: "nnm" }, rows],
    ] as const) {
      expect(spec({ before, maxMalicious: 2 }, least)).toBeUndefined();
      expect(spec({ before, maxMalicious: 2 }, least - 1)).toEqual([
        ["round.minUpdates", expect.stringContaining(`must be at least ${least} for`)],
      ]);
      // Of a relay one update a group arrives.
      const relay = { relay: { strategy: "chain", groupSize: 4 } };
      const inGroups = 4 * (least - 1) + 1;
      expect(spec({ before, maxMalicious: 2 }, inGroups, relay)).toBeUndefined();
      expect(spec({ before, maxMalicious: 2 }, inGroups - 1, relay)).toEqual([
        ["round.minUpdates", expect.stringMatching(`must be at least ${inGroups} for .* of up to 4 clients`)],
      ]);
      const few = Array.from({ length: least - 1 }, () => ({ delta: row(1, 2, 3) }));
      const aggregation = { strategy, before, maxMalicious: 2 };
      await expect(
        fold({ aggregation, model: [{ name: "w", shape: [3] }], base: row(0, 0, 0), updates: few }),
      ).rejects.toMatchObject({ code: "failed-precondition" });
    }
    if (strategy === "multi-krum" || strategy === "trimmed-mean") return;
    expect(spec({ before: { step: "nnm" } }, 20)).toEqual([
      ["aggregation.maxMalicious", "is needed for nnm: say how many updates of a round may be bad"],
    ]);
  });
});
