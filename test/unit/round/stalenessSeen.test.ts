// How late a run's updates have been: counted with each version, and the percentile that is usual of them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  MOST_COUNTED,
  usualShare,
  usualStaleness,
  withStaleness,
} from "../../../shared/core/round/stalenessSeen.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";

const late = (...staleness: number[]) => staleness.map((one) => ({ staleness: one }));

describe("the counts", () => {
  it("are by staleness, those that are very late together", () => {
    expect(withStaleness([], late(0, 2, 0))).toEqual([2, 0, 1]);
    expect(withStaleness([2, 0, 1], late(1))).toEqual([2, 1, 1]);
    const many = withStaleness([1], late(MOST_COUNTED, 9_000));
    expect(many).toHaveLength(MOST_COUNTED + 1);
    expect(many.at(-1)).toBe(2);
    expect(withStaleness([], [])).toEqual([]);
  });

  it("do not change those before", () => {
    const before = [3, 1];
    withStaleness(before, late(0, 5));
    expect(before).toEqual([3, 1]);
  });
});

describe("what is usual", () => {
  it.each([
    // Nine of ten are no later than 2: of ten updates, the ninth.
    [[5, 3, 1, 1], 0.9, 2],
    [[50, 30, 10, 10], 0.9, 2],
    [[50, 30, 10, 10], 0.91, 3],
    [[0, 0, 0, 10], 0.5, 3],
    // Never below 1, which damping needs.
    [[100], 0.5, 1],
    [[9, 1], 0.9, 1],
  ])("of %j with a share of %d is %d", (counts, share, usual) => {
    expect(usualStaleness(counts, share)).toBe(usual);
  });

  it("is not known before one of the updates would exceed it: 10 of them for 0.9, 334 for 0.997", () => {
    expect(usualStaleness([5, 4], 0.9)).toBeUndefined();
    expect(usualStaleness([5, 5], 0.9)).toBe(1);
    expect(usualStaleness([0, 0, 333], 0.997)).toBeUndefined();
    expect(usualStaleness([0, 0, 334], 0.997)).toBe(2);
    expect(usualStaleness([], 0.5)).toBeUndefined();
  });

  it("is exceeded by the rest at most, and the one below it by more", () => {
    const counts = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 30 });
    const share = fc.integer({ min: 1, max: 99 }).map((percent) => percent / 100);
    fc.assert(
      fc.property(counts, share, (given, part) => {
        const usual = usualStaleness(given, part);
        if (usual === undefined) return;
        const total = given.reduce((sum, count) => sum + count, 0);
        const later = (than: number) => given.slice(than + 1).reduce((sum, count) => sum + count, 0);
        expect(later(usual)).toBeLessThanOrEqual((1 - part) * total + 1e-6);
        if (usual > 1) expect(later(usual - 1)).toBeGreaterThan((1 - part) * total - 1e-6);
      }),
    );
  });
});

describe("a run", () => {
  const spec = (aggregation: object) =>
    RunSpec.parse({
      ...{ name: "late", model: { builtin: "tiny-mlp" }, selection: { strategy: "random", cohortSize: 2 } },
      aggregation,
    });

  it("goes by it where its aggregation has a share, and only there", () => {
    expect(usualShare(spec({ strategy: "adasgd", usualShare: 0.9 }))).toBe(0.9);
    expect(usualShare(spec({ strategy: "adasgd" }))).toBeNull();
    expect(usualShare(spec({ strategy: "fedbuff" }))).toBeNull();
  });
});
