// The geometric median: golden values of the smoothed Weiszfeld algorithm, and what it does with outliers.
import { expect, it } from "vitest";
import { weiszfeld } from "../../../../shared/core/methods/aggregation/geometric-median/index.ts";
import { GramSums } from "../../../../shared/core/methods/aggregation/gram.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { seven } from "./seven.ts";

const three = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

function run(rows: readonly number[][], least: number, iterations: number, from: "mean" | "zero") {
  // Zero is a row of its own that has no share.
  const all = from === "zero" ? [[0, 0, 0], ...rows] : rows;
  const shares = all.map((_, i) => (from === "zero" && i === 0 ? 0 : 1 / rows.length));
  const start = from === "zero" ? all.map((_, i) => (i === 0 ? 1 : 0)) : shares;
  const gram = new GramSums(all.length);
  // In 64 bits, as the golden values are: each value as a sum of two of 32 bits would be no row of ours.
  const [values, scales] = [
    all.map((one) => Float32Array.from(one, (x) => Math.round(x * 10))),
    all.map(() => 1),
  ];
  gram.add(values, scales, 0, 3);
  const tenth = { size: gram.size, at: (i: number, j: number) => gram.at(i, j) / 100 };
  const weights = weiszfeld(tenth, start, shares, { iterations, tolerance: 0, least });
  const point = [0, 1, 2].map((k) => all.reduce((sum, one, i) => sum + (weights[i] ?? 0) * (one[k] ?? 0), 0));
  return { weights, point };
}

it.each([
  [seven, 1e-6, 4, "mean", [1.0633092767, 1.9528276238, 2.914514145]],
  [seven, 1e-6, 1_000, "mean", [1.0390371802, 1.9613978971, 2.9243500341]],
  [seven, 0.1, 3, "zero", [1.0806609427, 1.9466608336, 2.9045125046]],
  [seven, 0.1, 8, "zero", [1.043831107, 1.9671723269, 2.9252700503]],
  [three, 0.1, 3, "zero", [3.78788764, 4.78788764, 5.78788764]],
] as const)("equals golden values %#", (rows, least, iterations, from, expected) => {
  const { point } = run(
    rows.map((one) => [...one]),
    least,
    iterations,
    from,
  );
  for (const [k, value] of expected.entries()) expect(point[k]).toBeCloseTo(value, 7);
});

it("gives the golden weights", () => {
  const golden = [0.21680583, 0.15903558, 0.15006736, 0.14120987, 0.33090028, 0.00107809, 0.000903];
  for (const [i, weight] of run(seven, 1e-6, 4, "mean").weights.entries()) {
    expect(weight).toBeCloseTo(golden[i] ?? 0, 7);
  }
});

async function folded(rows: readonly (readonly number[])[], samples: readonly number[] = []) {
  const { weights, consumed } = await fold({
    aggregation: { strategy: "geometric-median" },
    model: [{ name: "w", shape: [rows[0]?.length ?? 0] }],
    base: row(...(rows[0] ?? []).map(() => 0)),
    updates: rows.map((values, i) => ({ delta: row(...values), samples: samples[i] ?? 1 })),
  });
  return { values: valuesOf(weights), shares: consumed.map(({ weight }) => weight) };
}

it("is hardly moved by outliers, however far they lie", async () => {
  for (const far of [1e3, 1e9]) {
    const rows = [...seven.slice(0, 5), [far, far, far], [far, -far, far]];
    const { values, shares } = await folded(rows);
    expect(Math.hypot(...values.map((value, k) => value - ([1, 2, 3][k] ?? 0)))).toBeLessThan(0.2);
    expect((shares[5] ?? 1) + (shares[6] ?? 1)).toBeLessThan(1e-3);
  }
});

it("lets no client weigh more than two equal shares by the samples that it claims", async () => {
  const rows = [[1], [1], [1], [1], [100]];
  expect((await folded(rows, [1, 1, 1, 1, 1_000_000])).values[0]).toBeCloseTo(1, 2);
});

it("withstands as many as maxMalicious says, whatever samples they claim", async () => {
  const updates = [...seven.slice(0, 5).map((values) => ({ values, samples: 1 })), far(1e6), far(1e6)];
  const of = async (aggregation: object) => {
    const { weights } = await fold({
      aggregation: { strategy: "geometric-median", ...aggregation },
      model: [{ name: "w", shape: [3] }],
      base: row(0, 0, 0),
      updates: updates.map(({ values, samples }) => ({ delta: row(...values), samples })),
    });
    return Math.hypot(...valuesOf(weights).map((value, k) => value - ([1, 2, 3][k] ?? 0)));
  };
  expect(await of({ maxMalicious: 2 })).toBeLessThan(0.5);
  // Two of seven with two equal shares each are a majority by weight.
  expect(await of({})).toBeGreaterThan(1e3);
});

function far(samples: number) {
  return { values: [1e6, -1e6, 1e6], samples };
}

it("takes updates that are all the same, and a lone one", async () => {
  expect((await folded([[2], [2], [2]])).values).toEqual([2]);
  expect((await folded([[2]])).values).toEqual([2]);
  expect((await folded([[0], [0]])).values).toEqual([0]);
});
