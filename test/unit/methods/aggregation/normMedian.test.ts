// The mean of updates no longer than the median: golden values, and how far one client can pull.
import { expect, it } from "vitest";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { seven } from "./seven.ts";

async function folded(rows: readonly (readonly number[])[], samples: readonly number[] = []) {
  const { weights, consumed } = await fold({
    aggregation: { strategy: "norm-median" },
    model: [{ name: "w", shape: [rows[0]?.length ?? 0] }],
    base: row(...(rows[0] ?? []).map(() => 0)),
    updates: rows.map((values, i) => ({ delta: row(...values), samples: samples[i] ?? 1 })),
  });
  return { values: valuesOf(weights), shares: consumed.map(({ weight }) => weight), consumed };
}

it("gives the golden mean, and says what each update was multiplied by", async () => {
  const { values, consumed } = await folded(seven);
  const golden = [1.1345391018, 1.1318748795, 1.6703370153];
  for (const [k, value] of golden.entries()) expect(values[k]).toBeCloseTo(value, 6);
  // The median of the norms is that of the second row.
  const scales = consumed.map(({ scale }) => scale);
  expect(scales.slice(0, 3)).toEqual([undefined, undefined, undefined]);
  expect(scales[3]).toBeCloseTo(3.7802116343 / 3.8794329483, 6);
  expect(scales[5]).toBeCloseTo(3.7802116343 / 37.4165738677, 6);
});

it("lets a client pull no further than its share of the median, whatever it sends", async () => {
  for (const far of [1e3, 1e9, 1e30]) {
    const { values } = await folded([[1], [1], [1], [1], [-far]]);
    expect(values[0]).toBeCloseTo(0.6, 6);
  }
  expect((await folded([[1], [1], [1], [1], [-5]], [1, 1, 1, 1, 1_000])).values[0]).toBeCloseTo(0.2, 6);
});

it("is the lower of two medians, and takes updates of 0", async () => {
  expect((await folded([[1], [3]])).values[0]).toBeCloseTo(1, 6);
  expect((await folded([[0], [0], [7]])).values).toEqual([0]);
  expect((await folded([[0]])).values).toEqual([0]);
});
