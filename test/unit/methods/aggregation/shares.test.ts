// What updates count for by samples that cannot be checked: by hand, and that a minority stays one.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Contribution } from "../../../../shared/core/methods/aggregation/aggregationMethod.ts";
import { sharesOf } from "../../../../shared/core/methods/aggregation/shares.ts";

const contribution = (samples: number, stalenessWeight = 1): Contribution => ({
  ...{ clientId: "a", samples, stalenessWeight, staleness: 0, steps: 1 },
});
const shares = (samples: readonly number[], maxMalicious?: number) =>
  sharesOf(
    samples.map((count) => contribution(count)),
    maxMalicious,
  );

describe("shares", () => {
  it("are those of the samples, none above two equal ones", () => {
    expect(shares([1, 1, 2])).toEqual([0.25, 0.25, 0.5]);
    for (const [i, share] of shares([1, 1, 1, 97]).entries())
      expect(share).toBeCloseTo(i < 3 ? 1 / 6 : 0.5, 12);
    expect(shares([3, 1])).toEqual([0.75, 0.25]);
    expect(shares([7])).toEqual([1]);
    expect(shares([])).toEqual([]);
  });

  it("are none above 1 / (2f + 1) where f may be bad", () => {
    for (const [i, share] of shares([1, 1, 1, 1, 1e9], 1).entries()) {
      expect(share).toBeCloseTo(i < 4 ? 1 / 6 : 1 / 3, 12);
    }
    for (const share of shares([1, 1, 1e9, 1e9, 1e9], 2)) expect(share).toBeCloseTo(1 / 5, 12);
    // Of fewer than 2f + 1 none could hold to it: all are alike.
    for (const share of shares([1, 5], 3)) expect(share).toBeCloseTo(1 / 2, 12);
  });

  it("sum to 1, and any f of 2f + 1 or more are a minority, whatever is claimed and however late the others are", () => {
    const claims = fc.record({
      maxMalicious: fc.integer({ min: 1, max: 6 }),
      others: fc.array(
        fc.record({
          samples: fc.integer({ min: 1, max: 1_000_000 }),
          late: fc.double({ min: 1e-3, max: 1, noNaN: true }),
        }),
        { minLength: 13, maxLength: 25 },
      ),
    });
    fc.assert(
      fc.property(claims, ({ maxMalicious, others }) => {
        const made = sharesOf(
          others.map(({ samples, late }) => contribution(samples, late)),
          maxMalicious,
        );
        expect(made.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        const largest = made.toSorted((a, b) => b - a).slice(0, maxMalicious);
        expect(largest.reduce((sum, share) => sum + share, 0)).toBeLessThan(0.5);
      }),
    );
  });
});
