// The coordinate-wise median: golden values, and what a minority cannot do.
import fc from "fast-check";
import { expect, it } from "vitest";
import { fold, row, valuesOf } from "../../../support/folding.ts";

async function median(
  rows: readonly (readonly number[])[],
  staleness: readonly number[] = [],
  late = "exclude",
) {
  const { weights, dropped } = await fold({
    aggregation: { strategy: "median", late },
    model: [{ name: "w", shape: [rows[0]?.length ?? 0] }],
    base: row(...(rows[0] ?? []).map(() => 0)),
    updates: rows.map((values, i) => ({
      delta: row(...values),
      samples: 1 + i,
      staleness: staleness[i] ?? 0,
    })),
  });
  return { values: valuesOf(weights), dropped };
}

it("is the middle value, or the mean of the two middle ones, whatever the samples", async () => {
  const seven = [
    [1, 2, 3],
    [1.2, 1.8, 3.1],
    [0.9, 2.1, 2.8],
    [1.1, 2.2, 3],
    [1, 1.9, 2.9],
    [-10, -20, -30],
    [50, 0, 0],
  ];
  expect((await median(seven)).values).toEqual([1, 1.9, 2.9].map(Math.fround));
  const even = [
    [1, 10],
    [2, 20],
    [3, 30],
    [100, -5],
  ];
  expect((await median(even)).values).toEqual([2.5, 15]);
});

it("stays within what the honest say while they are the majority", async () => {
  const value = fc.float({ noNaN: true, min: -1, max: 1 });
  const bad = fc.float({
    noNaN: true,
    noDefaultInfinity: true,
    min: Math.fround(-1e30),
    max: Math.fround(1e30),
  });
  const both = fc
    .integer({ min: 1, max: 4 })
    .chain((count) =>
      fc.tuple(
        fc.array(value, { minLength: count + 1, maxLength: count + 1 }),
        fc.array(bad, { minLength: count, maxLength: count }),
      ),
    );
  await fc.assert(
    fc.asyncProperty(both, async ([honest, hostile]) => {
      const [middle] = (await median([...hostile, ...honest].map((one) => [one]))).values;
      expect(middle).toBeGreaterThanOrEqual(Math.min(...honest));
      expect(middle).toBeLessThanOrEqual(Math.max(...honest));
    }),
    { numRuns: 50 },
  );
});

it("leaves late updates out with the reason, or counts them as others", async () => {
  const rows = [[1], [2], [30], [40]];
  const excluded = await median(rows, [1]);
  expect(excluded.values).toEqual([30]);
  expect(excluded.dropped).toMatchObject([{ clientId: "client-0000", fate: "expired" }]);
  expect(excluded.dropped[0]?.reason).toBe(
    "It is of an earlier round, and median leaves those out: see aggregation.late.",
  );
  expect((await median(rows, [1], "count")).values).toEqual([16]);
});
