// Centred clipping: golden values, the centre from round to round, and how far a round is pulled.
import { expect, it } from "vitest";
import { clippedWeights } from "../../../../shared/core/methods/aggregation/centered-clipping/index.ts";
import { GramSums } from "../../../../shared/core/methods/aggregation/gram.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { seven } from "./seven.ts";

it.each([
  [[0, 0, 0], 1, [0.3038810252, 0.3072732944, 0.4531229199]],
  [[0, 0, 0], 3, [0.8108703618, 0.9317421905, 1.3753807512]],
  [[1, 1.9, 2.9], 3, [1.1807845986, 1.8858186299, 2.7910368143]],
])("equals golden values from %j in %d iterations", (centre, iterations, golden) => {
  const rows = [...seven, centre];
  const gram = new GramSums(rows.length);
  const scales = rows.map(() => 1);
  gram.add(
    rows.map((values) => Float32Array.from(values)),
    scales,
    0,
    3,
  );
  const shares = seven.map(() => 1 / seven.length);
  const weights = clippedWeights(gram, shares, { tau: 1, iterations });
  expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
  for (const [k, value] of golden.entries()) {
    const point = rows.reduce((sum, one, i) => sum + (weights[i] ?? 0) * (one[k] ?? 0), 0);
    expect(point).toBeCloseTo(value, 6);
  }
});

const folded = (
  rows: readonly (readonly number[])[],
  { state = null, ...options }: { state?: Weights | null; tau?: number; iterations?: number } = {},
  transforms: Parameters<typeof fold>[0]["transforms"] = [],
) =>
  fold({
    aggregation: { strategy: "centered-clipping", ...options },
    model: [{ name: "w", shape: [rows[0]?.length ?? 0] }],
    base: row(...(rows[0] ?? []).map(() => 10)),
    updates: rows.map((values) => ({ delta: row(...values) })),
    state,
    transforms,
  });

it("adds the centre to the model, and begins the next round from it", async () => {
  const first = await folded(seven, { tau: 1, iterations: 3 });
  const golden = [0.8108703618, 0.9317421905, 1.3753807512];
  for (const [k, value] of golden.entries()) {
    expect(valuesOf(first.weights)[k]).toBeCloseTo(10 + value, 5);
    expect(first.state?.[0]?.values[k]).toBeCloseTo(value, 6);
  }
  const second = await folded(seven, { tau: 1, iterations: 3, state: first.state });
  const [before, after] = [first, second].map(({ state }) => state?.[0]?.values[2] ?? 0);
  expect(after).toBeGreaterThan(Number(before) + 0.8);
});

it("keeps the centre as it is before what transforms make of it", async () => {
  const rate = await folded(seven, { tau: 1 }, [{ transform: "server-rate", rate: 0.5 }]);
  const plain = await folded(seven, { tau: 1 });
  expect(rate.state).toEqual(plain.state);
  expect(valuesOf(rate.weights)[0]).toBeCloseTo(10 + (valuesOf(plain.weights)[0] ?? 0) / 2 - 5, 5);
});

it("moves by no more than tau an iteration, whatever is sent, and by the median distance without it", async () => {
  const far = [[1e12], [1e12], [1e12]];
  expect(valuesOf((await folded(far, { tau: 2, iterations: 3 })).weights)[0]).toBeCloseTo(16, 4);
  const { weights } = await folded([[1], [1], [1], [1e12]], { iterations: 20 });
  expect(valuesOf(weights)[0]).toBeCloseTo(11, 2);
});

it("takes updates that are all the same, and a lone one", async () => {
  expect(valuesOf((await folded([[2], [2], [2]])).weights)).toEqual([12]);
  expect(valuesOf((await folded([[2]])).weights)).toEqual([12]);
  expect(valuesOf((await folded([[0], [0], [5]])).weights)).toEqual([10]);
});
