// The trimmed mean: golden values, and its bounds.
import { expect, it } from "vitest";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";

const seven = [
  [1, 2, 3],
  [1.2, 1.8, 3.1],
  [0.9, 2.1, 2.8],
  [1.1, 2.2, 3],
  [1, 1.9, 2.9],
  [-10, -20, -30],
  [50, 0, 0],
];

async function trimmed(rows: readonly (readonly number[])[], maxMalicious: number): Promise<number[]> {
  const { weights } = await fold({
    aggregation: { strategy: "trimmed-mean", maxMalicious },
    model: [{ name: "w", shape: [3] }],
    base: row(0, 0, 0),
    updates: rows.map((values, i) => ({ delta: row(...values), samples: 1 + i })),
  });
  return valuesOf(weights);
}

it.each([
  [1, [1.04, 1.56, 2.34]],
  [2, [1.0333333333, 1.9, 2.9]],
  [3, [1, 1.9, 2.9]],
])("leaves %d values out at either end", async (maxMalicious, expected) => {
  const values = await trimmed(seven, maxMalicious);
  for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 6);
});

it("does not fold as many as it would leave out, and no spec that could ask for it is taken", async () => {
  await expect(trimmed(seven.slice(0, 6), 3)).rejects.toMatchObject({ code: "failed-precondition" });
  const spec = (minUpdates: number) => ({
    name: "robust",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 9 },
    aggregation: { strategy: "trimmed-mean", maxMalicious: 3 },
    round: { minUpdates },
  });
  expect(RunSpec.safeParse(spec(7)).success).toBe(true);
  expect(RunSpec.safeParse(spec(6)).error?.issues).toMatchObject([
    {
      path: ["round", "minUpdates"],
      message:
        "must be at least 7 for aggregation.strategy trimmed-mean: twice maxMalicious are left out, and one has to stay",
    },
  ]);
});
