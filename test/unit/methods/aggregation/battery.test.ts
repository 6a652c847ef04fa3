// What every aggregation in the registry must do; a new folder is tested by being there. What a method
// computes is for its own tests.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aggregationOf } from "../../../../shared/core/methods/aggregation/aggregationOf.ts";
import { GRAM_CHUNK } from "../../../../shared/core/methods/aggregation/gram.ts";
import { AggregationOptions } from "../../../../shared/core/methods/aggregation/options.ts";
import { aggregationBehaviours } from "../../../../shared/core/methods/registry/aggregation.ts";
import { aggregationFaces } from "../../../../shared/core/methods/registry/aggregationFaces.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import type { ModelShape, Weights } from "../../../../shared/core/updates/weights.ts";
import { type Folding, fold, type GivenUpdate, row, valuesOf } from "../../../support/folding.ts";

const names = aggregationFaces.map(({ name }) => name);

it("every face has a behaviour", () => {
  expect(Object.keys(aggregationBehaviours).sort()).toEqual([...names].sort());
});

/** More coordinates than a block of the smallest budget, in tensors whose ends are no block's. */
const large: ModelShape = [
  { name: "b/kernel", shape: [GRAM_CHUNK + 5] },
  { name: "a/kernel", shape: [3, 700] },
  { name: "c/mean", shape: [11], role: "statistic" },
  { name: "d/frozen", shape: [4], role: "frozen" },
  { name: "e/bias", shape: [] },
];

function drawn(model: ModelShape, seed: number, size = 1): Weights {
  const random = randomFrom(seed);
  return model
    .filter(({ role }) => role !== "frozen")
    .map(({ name, shape }) => ({
      name,
      shape,
      values: Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        () => size * (random.next() - 0.5),
      ),
    }));
}

const frozen = { name: "d/frozen", shape: [4], values: Float32Array.of(1, 2, 3, 4) };

describe.each(names)("%s", (strategy) => {
  const aggregation = { strategy };
  const options = AggregationOptions.parse(aggregation);
  const method = aggregationOf(options);
  const least = Math.max(5, method.least?.(options) ?? 1);
  const three: ModelShape = [{ name: "w", shape: [3] }];
  const foldThree = (updates: readonly GivenUpdate[], more: Partial<Folding> = {}) =>
    fold({ aggregation, model: three, base: row(1, 1, 1), updates, ...more });
  const foldLarge = (more: Partial<Folding> = {}) =>
    fold({
      aggregation,
      model: large,
      base: [...drawn(large, 99), frozen],
      updates: Array.from({ length: least }, (_, i) => ({ delta: drawn(large, i), samples: i + 1 })),
      ...more,
    });

  it("gives shares that sum to 1, one for each update", async () => {
    const { consumed, dropped } = await foldLarge();
    expect(dropped).toEqual([]);
    expect(consumed).toHaveLength(least);
    expect(consumed.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
    for (const { weight } of consumed) expect(weight).toBeGreaterThanOrEqual(0);
  });

  it("gives the same bytes of the same updates, whatever its memory, which it keeps to", async () => {
    const whole = await foldLarge();
    for (const budgetBytes of [0, 4 * least * GRAM_CHUNK, 10 * least * GRAM_CHUNK]) {
      const most = Math.max(budgetBytes / 4, least * GRAM_CHUNK);
      const folded = await foldLarge({
        budgetBytes,
        onBlock: (values) => expect(values).toBeLessThanOrEqual(most),
      });
      expect(folded).toEqual(whole);
    }
  });

  it("does not depend on the updates' order but for rounding", async () => {
    const updates = Array.from({ length: least }, (_, i) => ({ delta: drawn(three, i), samples: i + 1 }));
    const [one, other] = [await foldThree(updates), await foldThree(updates.toReversed())];
    for (const [i, value] of valuesOf(one.weights).entries()) {
      expect(valuesOf(other.weights)[i]).toBeCloseTo(value, 4);
    }
  });

  it("leaves updates, base and state as they are, and frozen parameters, too", async () => {
    const updates = Array.from({ length: least }, (_, i) => ({ delta: drawn(large, i), samples: 7 }));
    const base = [...drawn(large, 99), frozen];
    const { state } = await foldLarge();
    const before = structuredClone({ updates, base, state });
    const { weights } = await foldLarge({ updates, base, state });
    expect({ updates, base, state }).toEqual(before);
    expect(weights.find(({ name }) => name === "d/frozen")?.values).toEqual(frozen.values);
    expect(weights.map(({ name }) => name)).toEqual(large.map(({ name }) => name));
  });

  it("keeps statistics among the values that clients have", async () => {
    const { weights } = await foldLarge();
    const sent = Array.from({ length: least }, (_, i) =>
      drawn(large, i).find(({ name }) => name === "c/mean"),
    );
    for (const [i, value] of (weights.find(({ name }) => name === "c/mean")?.values ?? []).entries()) {
      const values = sent.map((weight) => weight?.values[i] ?? Number.NaN);
      expect(value).toBeGreaterThanOrEqual(Math.min(...values) - 1e-6);
      expect(value).toBeLessThanOrEqual(Math.max(...values) + 1e-6);
    }
  });

  it("keeps every coordinate between those of the clients, where the server has no step of its own", async () => {
    if (method.server !== undefined) return;
    const value = fc.float({ noNaN: true, min: -1_000, max: 1_000 });
    const delta = fc.tuple(value, value, value).map((values): GivenUpdate => ({ delta: row(...values) }));
    await fc.assert(
      fc.asyncProperty(fc.array(delta, { minLength: least, maxLength: least + 4 }), async (updates) => {
        const { weights } = await foldThree(updates, { base: row(0, 0, 0) });
        for (const [i, moved] of valuesOf(weights).entries()) {
          const values = updates.map((update) => valuesOf(update.delta)[i] ?? Number.NaN);
          // Shortened updates are nearer to the base than what clients have.
          if (method.access === "weights" && method.shortens === true) values.push(0);
          expect(moved).toBeGreaterThanOrEqual(Math.min(...values) - 1e-3);
          expect(moved).toBeLessThanOrEqual(Math.max(...values) + 1e-3);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("says truly whether slices can be folded apart", async () => {
    if (!method.elementwise) return;
    const updates = Array.from({ length: least }, (_, i) => drawn(three, i));
    const base = drawn(three, 50);
    const first = await foldThree(
      updates.map((delta) => ({ delta })),
      { base },
    );
    const whole = await foldThree(
      updates.map((delta) => ({ delta })),
      { base, state: first.state },
    );
    const part = (weights: Weights, i: number): Weights =>
      weights.map(({ name, values }) => ({ name, shape: [1], values: values.slice(i, i + 1) }));
    for (const i of [0, 1, 2]) {
      const slice = await fold({
        aggregation,
        model: [{ name: "w", shape: [1] }],
        base: part(base, i),
        updates: updates.map((delta) => ({ delta: part(delta, i) })),
        state: first.state === null ? null : part(first.state, i),
      });
      expect(slice.weights).toEqual(part(whole.weights, i));
      expect(slice.state).toEqual(whole.state === null ? null : part(whole.state, i));
    }
  });

  it("makes finite versions of clipped, late and lone updates, or says why not", async () => {
    const updates = Array.from({ length: least }, (_, i) => ({
      delta: row(i, -i, 1e-30),
      samples: 10 ** (i % 7),
      scale: 1 / (i + 1),
      staleness: i === 0 ? 1 : 0,
    }));
    const { weights, consumed, dropped } = await foldThree([...updates, ...updates.slice(1)]);
    expect(valuesOf(weights).every(Number.isFinite)).toBe(true);
    expect(consumed.length + dropped.length).toBe(2 * least - 1);
    for (const { fate, reason } of dropped) {
      expect(fate).toBe("expired");
      expect(reason).toContain("see aggregation.late");
    }
  });

  it("fails without updates, and takes no part of a model that it cannot", async () => {
    await expect(foldThree([])).rejects.toMatchObject({ code: "failed-precondition" });
    const part = { delta: [{ name: "w", shape: [2], at: [1], values: Float32Array.of(1, 2) }] };
    const whole = Array.from({ length: least }, (_, i) => ({ delta: row(i, i, i) }));
    const { dropped, consumed } = await foldThree([...whole, part]);
    if (method.access === "stream") expect(consumed).toHaveLength(least + 1);
    else expect(dropped).toMatchObject([{ fate: "rejected", reason: expect.stringContaining("part") }]);
  });
});
