// What becomes of parameters that no gradient moves, from the update to the next version: statistics travel
// and are averaged as values, frozen parameters not at all.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeUpdate, readUpdate } from "../../../../shared/core/methods/update/update.ts";
import type { UpdateExpectation } from "../../../../shared/core/methods/update/validate.ts";
import { turnIntoDelta } from "../../../../shared/core/updates/delta.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../../shared/core/updates/safetensors.ts";
import { type ModelShape, tensorsOf, type Weights } from "../../../../shared/core/updates/weights.ts";
import { Averaging } from "../../../support/averaging.ts";

const model: ModelShape = [
  { name: "kernel", shape: [2] },
  { name: "fixed", shape: [2], role: "frozen" },
  { name: "mean", shape: [1], role: "statistic" },
  { name: "variance", shape: [1], role: "statistic", min: 0 },
];

const weights = (
  kernel: readonly number[],
  fixed: readonly number[],
  mean: number,
  variance: number,
): Weights => [
  { name: "kernel", shape: [2], values: Float32Array.from(kernel) },
  { name: "fixed", shape: [2], values: Float32Array.from(fixed) },
  { name: "mean", shape: [1], values: Float32Array.of(mean) },
  { name: "variance", shape: [1], values: Float32Array.of(variance) },
];
const base = () => weights([1, 2], [7, 8], 5, 9);
const valuesOf = (list: Weights) => list.map(({ values }) => [...values]);

const sha256 = "ab".repeat(32);
const expected: UpdateExpectation = { model, encoding: "f32", baseVersion: 3, sha256 };
const facts = { encoding: "f32", baseVersion: 3, model } as const;

/** What a client that trained to these weights sends. */
const fileOf = (local: Weights, from = base()) => encodeUpdate(turnIntoDelta(local, from, model), facts);

/** The file with other tensors or metadata. */
function changed(
  file: Uint8Array,
  tensors: (list: Weights) => Weights,
  metadata: Record<string, string> = { encoding: "f32", baseVersion: "3", statistics: "values" },
): Uint8Array {
  const decoded = decodeSafetensors(file).tensors.map(({ name, shape, data }) => ({
    name,
    shape,
    values: new Float32Array(data.slice().buffer),
  }));
  return encodeSafetensors(tensorsOf(tensors(decoded)), metadata);
}

const problemsOf = (file: Uint8Array, expectation = expected) => {
  const check = readUpdate(file, sha256, expectation);
  return check.ok ? [] : check.problems.map(({ code, tensor }) => [code, tensor]);
};

describe("an update", () => {
  it("holds steps of trained parameters, values of statistics and nothing of frozen ones", () => {
    const check = readUpdate(fileOf(weights([4, -2], [7, 8], 6, 0.5)), sha256, expected);
    expect(check.ok && check.delta.map(({ name, values }) => [name, ...values])).toEqual([
      ["kernel", 3, -4],
      ["mean", 6],
      ["variance", 0.5],
    ]);
  });

  it("has the norm of its steps alone, and statistics are not clipped", () => {
    const file = fileOf(weights([4, -2], [7, 8], 1e20, 1e25));
    const clip = { ...expected, norm: { action: "clip", max: 1 } } as const;
    expect(readUpdate(file, sha256, clip)).toMatchObject({ ok: true, norm: 5, scale: 0.2 });
    const reject = { ...expected, norm: { action: "reject", max: 5 } } as const;
    expect(readUpdate(file, sha256, reject)).toMatchObject({ ok: true, norm: 5, scale: 1 });
  });

  it.each([
    [-1e-6, "out-of-range"],
    [-9, "out-of-range"],
    [2e30, "out-of-range"],
    [Number.NaN, "not-finite"],
    [Number.POSITIVE_INFINITY, "not-finite"],
  ])("with a variance of %d is refused as %s", (variance, code) => {
    expect(problemsOf(fileOf(weights([1, 2], [7, 8], 5, variance)))).toEqual([[code, "variance"]]);
  });

  it("may have a variance of zero and a negative mean", () => {
    expect(problemsOf(fileOf(weights([1, 2], [7, 8], -5, 0)))).toEqual([]);
    expect(problemsOf(fileOf(weights([1, 2], [7, 8], -2e30, 0)))).toEqual([["out-of-range", "mean"]]);
  });

  it.each<[string, (list: Weights) => Weights, Record<string, string> | undefined, unknown]>([
    [
      "does not say how it gives statistics",
      (list) => list,
      { encoding: "f32", baseVersion: "3" },
      ["wrong-statistics", null],
    ],
    [
      "gives statistics as differences",
      (list) => list,
      { encoding: "f32", baseVersion: "3", statistics: "deltas" },
      ["wrong-statistics", null],
    ],
    [
      "holds a frozen parameter",
      (list) => [...list, { name: "fixed", shape: [2], values: new Float32Array(2) }],
      undefined,
      ["unexpected-tensor", "fixed"],
    ],
    [
      "leaves a statistic out",
      (list) => list.filter(({ name }) => name !== "mean"),
      undefined,
      ["missing-tensor", "mean"],
    ],
  ])("that %s is refused", (_, tensors, metadata, problem) => {
    const file = fileOf(weights([4, -2], [7, 8], 6, 0.5));
    expect(problemsOf(changed(file, tensors, metadata))).toEqual([problem]);
  });

  it("of a model without statistics says nothing of them", () => {
    const plain = [{ name: "kernel", shape: [2] }];
    const delta = [{ name: "kernel", shape: [2], values: Float32Array.of(3, 4) }];
    const file = encodeUpdate(delta, { encoding: "f32", baseVersion: 3, model: plain });
    expect({ ...decodeSafetensors(file).metadata }).toEqual({ encoding: "f32", baseVersion: "3" });
    expect(readUpdate(file, sha256, { ...expected, model: plain })).toMatchObject({ ok: true, norm: 5 });
  });
});

describe("the next version", () => {
  const fold = (
    updates: readonly {
      readonly delta: Weights;
      readonly samples: number;
      readonly scale?: number;
      readonly stalenessWeight?: number;
    }[],
    from = base(),
  ) => {
    const state = new Averaging(model);
    for (const update of updates) state.add({ stalenessWeight: 1, ...update });
    return state.finish(from);
  };
  const delta = (local: Weights, from = base()) => turnIntoDelta(local, from, model);

  it("has the average of the statistics' values, whatever the base and the clipping", () => {
    const updates = [
      { delta: delta(weights([2, 2], [0, 0], 1, 0.25)), samples: 1 },
      { delta: delta(weights([1, 6], [0, 0], 3, 1.25)), samples: 3, scale: 0.5 },
    ];
    // kernel: 1 + 1/4, 2 + 3 * 0.5 * 4 / 4; mean (1 + 9) / 4; variance (0.25 + 3.75) / 4.
    expect(valuesOf(fold(updates))).toEqual([[1.25, 3.5], [7, 8], [2.5], [1]]);
  });

  it("keeps a variance that falls from version to version above zero when an update is late", () => {
    const old = weights([0, 0], [0, 0], 0, 1);
    const now = weights([0, 0], [0, 0], 0, 0.123);
    const late = { delta: delta(weights([0, 0], [0, 0], 0, 0.14), old), samples: 10, stalenessWeight: 0.5 };
    const inTime = { delta: delta(weights([0, 0], [0, 0], 0, 0.1), now), samples: 10 };
    const [variance = Number.NaN] = valuesOf(fold([inTime, late], now)).at(-1) ?? [];
    expect(variance).toBeCloseTo((0.1 + 0.5 * 0.14) / 1.5, 6);
  });

  it("has every statistic within the values that were sent, for any updates", () => {
    const statistic = fc.float({ noNaN: true, min: 0, max: Math.fround(1e30) });
    const update = fc.record({
      value: statistic,
      samples: fc.integer({ min: 1, max: 1e9 }),
      stalenessWeight: fc.float({ noNaN: true, min: Math.fround(0.01), max: 1 }),
      scale: fc.float({ noNaN: true, min: Math.fround(0.01), max: 1 }),
    });
    fc.assert(
      fc.property(fc.array(update, { minLength: 1, maxLength: 8 }), statistic, (updates, before) => {
        const made = fold(
          updates.map(({ value, ...rest }) => ({
            ...rest,
            delta: delta(weights([0, 0], [0, 0], value, value)),
          })),
          weights([0, 0], [0, 0], before, before),
        );
        const values = updates.map(({ value }) => value);
        const [after = Number.NaN] = made.at(-1)?.values ?? [];
        expect(after).toBeGreaterThanOrEqual(Math.min(...values) * (1 - 1e-6) - 1e-40);
        expect(after).toBeLessThanOrEqual(Math.max(...values) * (1 + 1e-6) + 1e-40);
      }),
    );
  });
});
