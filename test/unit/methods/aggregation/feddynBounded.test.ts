// FedDyn behind a bound: FedDyn where nothing is long, what a long update pulls, and norms that are
// remembered.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noLearner } from "../../../../infra/sim/engine/learner.ts";
import { specIssues } from "../../../support/builders.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { simulated } from "../../../support/simulated.ts";
import { buildScenario } from "../../sim/builders.ts";
import { seven } from "./seven.ts";

/** A step of values on a trained parameter and what is sent beside it. */
const sent = (values: readonly number[], dual: readonly number[] = values.map(() => 0)) => [
  ...row(...values),
  { name: "dual/w", shape: [dual.length], values: Float32Array.from(dual) },
];

async function folded(
  rows: readonly (readonly number[])[],
  {
    strategy = "feddyn-bounded",
    options = {},
    duals = rows.map((values) => values.map(() => 0)),
    ...more
  }: {
    readonly strategy?: string;
    readonly options?: object;
    readonly duals?: readonly (readonly number[])[];
    readonly updateNorms?: readonly number[];
    readonly clients?: number;
  } = {},
) {
  const done = await fold({
    aggregation: { strategy, ...options },
    training: { method: "feddyn" },
    model: [{ name: "w", shape: [rows[0]?.length ?? 0] }],
    base: row(...(rows[0] ?? []).map(() => 0)),
    updates: rows.map((values, i) => ({ delta: sent(values, duals[i]) })),
    ...more,
  });
  return { ...done, values: valuesOf(done.weights) };
}

describe("an update's length", () => {
  it("counts by the square of how often it is the median", async () => {
    const { values, consumed, updateNorms } = await folded(seven);
    const norms = seven.map((values) => Math.hypot(...values));
    const median = norms.toSorted((a, b) => a - b)[3] ?? 0;
    const scales = norms.map((norm) => Math.min(1, (median / norm) ** 2));
    for (const [k, value] of values.entries()) {
      const sum = seven.reduce((total, one, i) => total + (scales[i] ?? 0) * (one[k] ?? 0), 0);
      expect(value).toBeCloseTo(sum / seven.length, 6);
    }
    expect(consumed.map(({ scale = 1 }) => scale)).toEqual(scales.map((scale) => expect.closeTo(scale, 6)));
    expect(updateNorms).toEqual(norms.map((norm) => expect.closeTo(norm, 5)));
  });

  it("lets it pull the less the longer it is, and never further than the median", async () => {
    const pulls = await Promise.all(
      [1, 2, 5, 1e3, 1e30].map(
        async (far) => 4 - 5 * ((await folded([[1], [1], [1], [1], [-far]])).values[0] ?? 0),
      ),
    );
    const expected = [1, 1 / 2, 1 / 5, 1e-3, 0];
    for (const [i, pull] of pulls.entries()) expect(pull).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });

  it("is that of the update and what is sent beside it, of which both are shortened", async () => {
    const rows = [[3], [3], [3]];
    const { values, state } = await folded(rows, { duals: [[0], [0], [9]], clients: 3 });
    const scale = 9 / (9 + 81);
    const dual = (9 * scale) / 3;
    expect(state?.[0]?.values[0]).toBeCloseTo(dual, 5);
    expect(values[0]).toBeCloseTo((3 + 3 + 3 * scale) / 3 + dual, 5);
  });

  it("of 0 is as good as any", async () => {
    expect((await folded([[0], [0], [7]])).values).toEqual([0]);
    expect((await folded([[0]])).values).toEqual([0]);
  });
});

describe("norms of versions before", () => {
  const bad = [[1], [1], [-50], [-50], [-50]];

  it("keep a round of more bad updates than good ones from pulling far", async () => {
    expect((await folded(bad)).values[0]).toBeCloseTo((2 - 150) / 5, 5);
    const usual = Array.from({ length: 25 }, () => 1);
    expect((await folded(bad, { updateNorms: usual })).values[0]).toBeCloseTo((2 - 3 / 50) / 5, 5);
    const forgetful = await folded(bad, { updateNorms: usual, options: { remember: 0 } });
    expect(forgetful.values[0]).toBeCloseTo((2 - 150) / 5, 5);
    expect(forgetful.updateNorms).toBeUndefined();
  });

  it("are the newest, as many as are remembered", async () => {
    const known = { updateNorms: [9, 8, 7], options: { remember: 4 } };
    expect((await folded([[2], [3]], known)).updateNorms).toEqual([8, 7, 2, 3]);
    expect((await folded([[2], [3]], { options: { remember: 1 } })).updateNorms).toEqual([3]);
    expect(
      (await folded([[2]], { ...known, strategy: "feddyn-server", options: {} })).updateNorms,
    ).toBeUndefined();
  });

  it("are of updates as they are clipped", async () => {
    const done = await fold({
      aggregation: { strategy: "feddyn-bounded" },
      training: { method: "feddyn" },
      ...{ model: [{ name: "w", shape: [1] }], base: row(0) },
      updates: [{ delta: sent([8]), scale: 0.25 }],
    });
    expect(done.updateNorms).toEqual([2]);
  });
});

it("is FedDyn where all updates are as long", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ min: 0, max: 6, noNaN: true }), { minLength: 1, maxLength: 6 }),
      async (angles) => {
        const rows = angles.map((angle) => [Math.cos(angle), Math.sin(angle)]);
        // The same to the last digit, so that none is longer than the median by rounding.
        const updateNorms = [1.001, 1.001, ...rows.map(() => 1.001)];
        const [ours, theirs] = [
          await folded(rows, { updateNorms }),
          await folded(rows, { strategy: "feddyn-server" }),
        ];
        for (const [k, value] of ours.values.entries())
          expect(value).toBeCloseTo(theirs.values[k] ?? Number.NaN, 6);
      },
    ),
    { numRuns: 30 },
  );
});

it("goes with clients of FedDyn only, and they with either server", () => {
  const spec = (method: string, strategy: string) => ({ training: { method }, aggregation: { strategy } });
  for (const strategy of ["feddyn-server", "feddyn-bounded"]) {
    expect(specIssues(spec("feddyn", strategy))).toEqual([]);
  }
  const alone = specIssues(spec("fedprox", "feddyn-bounded"));
  expect(alone.join()).toMatch(/^training.method: must be feddyn for aggregation.strategy feddyn-bounded: /);
  const without = specIssues(spec("feddyn", "fedavg"));
  expect(without.join()).toMatch(/^aggregation.strategy: must be feddyn-server or feddyn-bounded for /);
});

it("has the run remember the norms of the last updates that made versions", async () => {
  const ran = async (spec: Readonly<Record<string, unknown>>) => {
    const scenario = buildScenario();
    const plain = noLearner(() => 10);
    let length = 0;
    const learner = {
      ...plain,
      update: async () => ({ ok: true, delta: [], norm: ++length, scale: 1 }) as const,
    };
    const { run } = await simulated({ ...{ scenario, strategy: "random", seed: 1, learner }, spec });
    return { norms: run.updateNorms, versions: run.modelVersion };
  };
  const bounded = {
    training: { method: "feddyn" },
    aggregation: { strategy: "feddyn-bounded", remember: 7 },
  };
  // Four rounds of five updates.
  expect(await ran(bounded)).toEqual({ norms: [14, 15, 16, 17, 18, 19, 20], versions: 4 });
  const first = { ...bounded, stop: { rounds: 1 } };
  expect(await ran(first)).toEqual({ norms: [1, 2, 3, 4, 5], versions: 1 });
  expect(await ran({})).toEqual({ norms: undefined, versions: 4 });
});
