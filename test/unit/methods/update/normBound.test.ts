// The norm of an update and what clipping makes of it: by hand, and by the properties that it is for.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clipScale } from "../../../../shared/core/methods/update/norm-bound/index.ts";
import { l2Norm } from "../../../../shared/core/updates/norm.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";

const weights = (...tensors: number[][]): Weights =>
  tensors.map((values, i) => ({
    name: `t${i}`,
    shape: [values.length],
    values: Float32Array.from(values),
  }));

describe("l2Norm", () => {
  it.each<[number[][], number]>([
    [[], 0],
    [[[]], 0],
    [[[0, -0]], 0],
    [[[3], [], [-4]], 5],
    [
      [
        [1, 2],
        [2, 4],
        [0, -0],
      ],
      5,
    ],
  ])("of %j is %d", (tensors, norm) => {
    expect(l2Norm(weights(...tensors))).toBe(norm);
  });

  it("does not overflow or vanish where float32 would", () => {
    const largest = 3.4028234663852886e38;
    expect(l2Norm(weights([largest, largest], [largest, largest]))).toBe(2 * largest);
    expect(l2Norm(weights([2 ** -149]))).toBe(2 ** -149);
  });

  it("is a number exactly when every value is", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(Number.isFinite(l2Norm(weights([1], [2, bad])))).toBe(false);
    }
  });
});

describe("clipScale", () => {
  it("is 1 up to the bound, inclusive, and for every other rule", () => {
    expect(clipScale(2, { action: "clip", max: 2 })).toBe(1);
    expect(clipScale(0, { action: "clip", max: 2 })).toBe(1);
    expect(clipScale(9, { action: "reject", max: 2 })).toBe(1);
    expect(clipScale(9, { action: "none" })).toBe(1);
  });

  it("brings a longer delta to the bound and keeps its direction", () => {
    expect(clipScale(8, { action: "clip", max: 2 })).toBe(0.25);
    const value = fc.float({ noNaN: true, min: -1e6, max: 1e6 });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 20 }),
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        (values, max) => {
          const norm = l2Norm(weights(values));
          const scale = clipScale(norm, { action: "clip", max });
          expect(scale).toBeGreaterThan(0);
          expect(scale).toBeLessThanOrEqual(1);
          expect(scale * norm).toBeLessThanOrEqual(max * (1 + 1e-12));
          if (norm > max) expect(scale * norm).toBeCloseTo(max, 6 - Math.ceil(Math.log10(max)));
        },
      ),
    );
  });
});
