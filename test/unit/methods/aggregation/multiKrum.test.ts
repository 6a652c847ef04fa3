// Multi-Krum: golden scores and choices, ties, and its bound.
import { expect, it } from "vitest";
import { GramSums } from "../../../../shared/core/methods/aggregation/gram.ts";
import { krumScores } from "../../../../shared/core/methods/aggregation/multi-krum/index.ts";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { seven } from "./seven.ts";

async function krum(rows: readonly (readonly number[])[], options: object) {
  const { weights, consumed } = await fold({
    aggregation: { strategy: "multi-krum", maxMalicious: 2, ...options },
    model: [{ name: "w", shape: [3] }],
    base: row(0, 0, 0),
    updates: rows.map((values, i) => ({ delta: row(...values), samples: 1 + 7 * i })),
  });
  const chosen = consumed.flatMap(({ weight }, i) => (weight > 0 ? [i] : []));
  return { values: valuesOf(weights), chosen, shares: consumed.map(({ weight }) => weight) };
}

it("gives the golden scores", () => {
  const gram = new GramSums(7);
  gram.add(
    seven.map((one) => Float32Array.from(one)),
    seven.map(() => 1),
    0,
    3,
  );
  const golden = [0.13, 0.36, 0.21, 0.25, 0.17, 5060.08, 7212.36];
  for (const [i, score] of krumScores(gram, 2).entries())
    expect(score).toBeCloseTo(golden[i] ?? 0, i < 5 ? 5 : 1);
});

it.each([
  [undefined, [0, 1, 2, 3, 4], [1.04, 2, 2.96]],
  [3, [0, 2, 4], [0.9666666667, 2, 2.9]],
  [1, [0], [1, 2, 3]],
  [100, [0, 1, 2, 3, 4], [1.04, 2, 2.96]],
])("averages %s of them with equal shares, whatever the samples", async (averaged, rows, expected) => {
  const { values, chosen, shares } = await krum(seven, averaged === undefined ? {} : { averaged });
  expect(chosen).toEqual(rows);
  for (const i of chosen) expect(shares[i]).toBeCloseTo(1 / chosen.length, 12);
  for (const [k, value] of expected.entries()) expect(values[k]).toBeCloseTo(value, 6);
});

it("takes the first of equal ones", async () => {
  const same = Array.from({ length: 7 }, () => [1, 1, 1]);
  expect((await krum(same, { averaged: 2 })).chosen).toEqual([0, 1]);
});

it("is not blinded to one attacker by another that is further away", async () => {
  const rows = [[1e15, 0, 0], [10, 20, 30], ...seven.slice(0, 5)];
  expect((await krum(rows, { norm: { action: "none" } })).chosen).toEqual([2, 3, 4, 5, 6]);
});

it("does not choose among too few, and no spec that could ask for it is taken", async () => {
  await expect(krum(seven.slice(0, 6), {})).rejects.toMatchObject({ code: "failed-precondition" });
  const spec = (minUpdates: number) => ({
    name: "robust",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 9 },
    aggregation: { strategy: "multi-krum", maxMalicious: 2 },
    round: { minUpdates },
  });
  expect(RunSpec.safeParse(spec(7)).success).toBe(true);
  expect(RunSpec.safeParse(spec(6)).error?.issues).toMatchObject([{ path: ["round", "minUpdates"] }]);
});
