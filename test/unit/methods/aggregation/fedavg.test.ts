// FedAvg: a hand computation, what must hold for any updates, and what it refuses.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { turnIntoDelta } from "../../../../shared/core/updates/delta.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import { Averaging, type WeightedUpdate } from "../../../support/averaging.ts";

const model = [
  { name: "kernel", shape: [1, 2] },
  { name: "bias", shape: [] },
];

/** Three values as a model of two tensors. */
function weights([a, b, c]: readonly [number, number, number]): Weights {
  return [
    { name: "kernel", shape: [1, 2], values: Float32Array.of(a, b) },
    { name: "bias", shape: [], values: Float32Array.of(c) },
  ];
}

const valuesOf = (model: Weights): number[] => model.flatMap(({ values }) => [...values]);
const update = (
  delta: readonly [number, number, number],
  samples: number,
  stalenessWeight = 1,
): WeightedUpdate => ({ delta: weights(delta), samples, stalenessWeight });

function average(base: Weights, updates: readonly WeightedUpdate[]): number[] {
  const state = new Averaging(model);
  for (const one of updates) state.add(one);
  return valuesOf(state.finish(base));
}

/** A new one each time: `finish` writes into it. */
const base = () => weights([10, 20, 30]);

describe("fedavg", () => {
  it("equals a hand computation", () => {
    // a = 1, 3 and 8 * 0.5 = 4; sum 8.
    const updates = [update([1, 0, -8], 1), update([2, 8, 0], 3), update([-4, 2, 4], 8, 0.5)];
    // kernel: 10 + (1 + 6 - 16) / 8, 20 + (0 + 24 + 8) / 8; bias: 30 + (-8 + 0 + 16) / 8.
    expect(average(base(), updates)).toEqual([8.875, 24, 31]);
    const state = new Averaging(model);
    for (const one of updates) state.add(one);
    expect(state.shares()).toEqual([1 / 8, 3 / 8, 4 / 8]);
  });

  it("matches by name, whatever the order in the update and the base", () => {
    const [kernel, bias] = weights([1, 2, 3]);
    if (kernel === undefined || bias === undefined) throw new Error("unreachable");
    const state = new Averaging(model);
    state.add({ delta: [bias, kernel], samples: 5, stalenessWeight: 1 });
    const next = state.finish(base().toReversed());
    expect(next.map(({ name, shape }) => ({ name, shape }))).toEqual(model);
    expect(valuesOf(next)).toEqual([11, 22, 33]);
  });

  it("gives one client its own weights, however stale and however many samples", () => {
    const local = () => weights([0.25, -3, 1e-3]);
    for (const [samples, stalenessWeight] of [
      [1, 1],
      [7, 0.1],
      [1e12, 1 / 3],
    ] as const) {
      const next = average(base(), [{ delta: turnIntoDelta(local(), base()), samples, stalenessWeight }]);
      for (const [i, value] of valuesOf(local()).entries()) expect(next[i]).toBeCloseTo(value, 5);
    }
  });

  it("leaves the model where it is when no client moved", () => {
    expect(average(base(), [update([0, 0, 0], 3), update([0, 0, 0], 5, 0.5)])).toEqual([10, 20, 30]);
  });

  it("does not shrink the model when updates are stale", () => {
    const local = weights([1, 2, 3]);
    const stale = { delta: turnIntoDelta(local, base()), samples: 10, stalenessWeight: 0.2 };
    expect(average(base(), [stale, stale, stale])).toEqual([1, 2, 3]);
  });

  it("is not swallowed by large sample counts", () => {
    const big = 2 ** 40;
    expect(average(weights([0, 0, 0]), [update([1, 1, 1], big), update([3, 1, 5], big)])).toEqual([2, 1, 3]);
  });

  it("goes on after an update that was refused", () => {
    const state = new Averaging(model);
    state.add(update([1, 1, 1], 1));
    const misfit = { delta: weights([9, 9, 9]).slice(0, 1), samples: 1, stalenessWeight: 1 };
    expect(() => state.add(misfit)).toThrow("Expected 2 different tensors");
    expect(valuesOf(state.finish(base()))).toEqual([11, 21, 31]);
    expect(state.shares()).toEqual([1]);
  });

  it("moves the base in place", () => {
    const state = new Averaging(model);
    state.add(update([1, 2, 3], 5));
    const from = base();
    const next = state.finish(from);
    expect(next.map(({ values }) => values)).toEqual(from.map(({ values }) => values));
    expect(next[0]?.values).toBe(from[0]?.values);
  });

  it("counts a clipped update's values for less, and its share for all of it", () => {
    const clipped = { ...update([8, 0, -8], 1), scale: 0.25 };
    expect(average(weights([0, 0, 0]), [clipped, update([0, 4, 0], 1)])).toEqual([1, 2, -1]);
    const state = new Averaging(model);
    state.add(clipped);
    state.add(update([0, 0, 0], 3));
    expect(state.shares()).toEqual([1 / 4, 3 / 4]);
  });

  it("folds what lies in its room as what lies elsewhere", () => {
    const state = new Averaging(model);
    const room = state.room(12);
    expect([room.byteLength, room.byteOffset % 8]).toEqual([12, 0]);
    const values = new Float32Array(room.buffer, room.byteOffset, 3);
    values.set([1, -2, 3]);
    const delta = [
      { name: "kernel", shape: [1, 2], values: values.subarray(0, 2) },
      { name: "bias", shape: [], values: values.subarray(2) },
    ];
    state.add({ delta, samples: 2, stalenessWeight: 1 });
    state.add(update([3, 4, 5], 2));
    expect(valuesOf(state.finish(base()))).toEqual([12, 21, 34]);
  });

  it("refuses to average nothing", () => {
    const state = new Averaging(model);
    expect(() => state.finish(base())).toThrow(expect.objectContaining({ code: "failed-precondition" }));
    expect(state.shares()).toEqual([]);
  });

  it.each([0, -0.1, 1.0001, Number.NaN])("refuses the scale %d, with the state unchanged", (scale) => {
    const state = new Averaging(model);
    state.add(update([1, 1, 1], 1));
    expect(() => state.add({ ...update([9, 9, 9], 1), scale })).toThrow("(0, 1]");
    expect(valuesOf(state.finish(base()))).toEqual([11, 21, 31]);
  });
});

/** Neumaier's compensated sum: exact but for the last bit of a float64. */
function exactSum(terms: readonly number[]): number {
  let [sum, lost] = [0, 0];
  for (const term of terms) {
    const next = sum + term;
    lost += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
    sum = next;
  }
  return sum + lost;
}

describe("for any updates", () => {
  const value = fc.float({ noNaN: true, min: -1_000, max: 1_000 });
  const three = fc.tuple(value, value, value);
  const anyUpdate = fc
    .record({
      delta: three,
      samples: fc.integer({ min: 1, max: 1_000_000 }),
      stalenessWeight: fc.double({ min: 0.001, max: 1, noNaN: true }),
    })
    .map(({ delta, ...rest }): WeightedUpdate => ({ delta: weights(delta), ...rest }));
  const updates = fc.array(anyUpdate, { minLength: 1, maxLength: 8 });

  it("every value lies between the smallest and the largest that a client sent", () => {
    fc.assert(
      fc.property(three, updates, (start, all) => {
        const next = average(weights(start), all);
        for (const [i, from] of start.entries()) {
          const moved = all.map(({ delta }) => from + (valuesOf(delta)[i] ?? Number.NaN));
          expect(next[i]).toBeGreaterThanOrEqual(Math.min(...moved) - 1e-3);
          expect(next[i]).toBeLessThanOrEqual(Math.max(...moved) + 1e-3);
        }
      }),
    );
  });

  it("the order does not matter but for rounding, and the same order gives the same bytes", () => {
    fc.assert(
      fc.property(three, updates, fc.infiniteStream(fc.nat()), (start, all, keys) => {
        const shuffled = all
          .map((one) => ({ one, key: keys.next().value }))
          .sort((x, y) => x.key - y.key)
          .map(({ one }) => one);
        const next = average(weights(start), all);
        expect(average(weights(start), [...all])).toEqual(next);
        for (const [i, x] of average(weights(start), shuffled).entries())
          expect(x).toBeCloseTo(next[i] ?? 0, 3);
      }),
    );
  });

  it("shares sum to 1 and updates stay untouched", () => {
    fc.assert(
      fc.property(three, updates, (start, all) => {
        const before = structuredClone(all);
        const state = new Averaging(model);
        for (const one of all) state.add(one);
        for (const { values } of state.finish(weights(start))) values.fill(0);
        expect(all).toEqual(before);
        expect(state.shares().reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
      }),
    );
  });

  it("is a float32's rounding from the exact average", () => {
    const many = fc.array(anyUpdate, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(three, many, (start, all) => {
        const next = average(weights(start), all);
        for (const [i, from] of valuesOf(weights(start)).entries()) {
          const total = exactSum(all.map(({ samples, stalenessWeight }) => samples * stalenessWeight));
          const terms = all.map(
            ({ delta, samples, stalenessWeight }) => samples * stalenessWeight * (valuesOf(delta)[i] ?? 0),
          );
          const exact = from + exactSum(terms) / total;
          const meanMove = exactSum(terms.map(Math.abs)) / total;
          const halfUnit = Math.abs(Math.fround(exact)) * 2 ** -24 + 2 ** -150;
          expect(Math.abs((next[i] ?? 0) - exact)).toBeLessThanOrEqual(
            halfUnit * (1 + 1e-6) + 1e-12 * meanMove,
          );
        }
      }),
    );
  });

  it("a client counted twice weighs as one with twice the samples", () => {
    fc.assert(
      fc.property(three, anyUpdate, anyUpdate, (start, x, y) => {
        const twice = average(weights(start), [x, x, y]);
        const doubled = average(weights(start), [{ ...x, samples: 2 * x.samples }, y]);
        for (const [i, v] of twice.entries()) expect(v).toBeCloseTo(doubled[i] ?? 0, 3);
      }),
    );
  });
});
