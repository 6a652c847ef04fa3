// Staleness weights: the published formulas, and the bounds that aggregators rely on.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isUsable,
  type StalenessOptions,
  stalenessWeight,
} from "../../../../shared/core/methods/aggregation/staleness.ts";

const paper: StalenessOptions = { weight: "paper", maxRounds: 2 };
const polynomial = (exponent: number): StalenessOptions => ({ weight: "polynomial", exponent, maxRounds: 2 });
const constant: StalenessOptions = { weight: "constant", maxRounds: 2 };

describe("stalenessWeight", () => {
  it("paper: (t_k + 1) / (t + 1) with the paper code's rounds from 0", () => {
    // There t = 4 and t_k = 2; here rounds 5 and 3.
    expect(stalenessWeight(paper, 2, 5)).toBe((2 + 1) / (4 + 1));
    expect(stalenessWeight(paper, 1, 2)).toBe(1 / 2);
    expect(stalenessWeight(paper, 1, 100)).toBe(0.99);
  });

  it("polynomial: (1 + staleness)^-exponent, the same in every round", () => {
    expect(stalenessWeight(polynomial(1), 3, 4)).toBe(1 / 4);
    expect(stalenessWeight(polynomial(0.5), 3, 400)).toBe(1 / 2);
    expect(stalenessWeight(polynomial(0), 3, 4)).toBe(1);
  });

  it("constant: 1", () => {
    expect(stalenessWeight(constant, 3, 4)).toBe(1);
  });

  const options = fc.oneof(
    fc.constantFrom(paper, constant),
    fc.double({ min: 0, max: 10, noNaN: true }).map(polynomial),
  );

  it("is 1 in time, in (0, 1] always, and never rises with staleness", () => {
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 9_999 }), fc.nat(), (option, round, nat) => {
        const staleness = nat % round;
        const weight = stalenessWeight(option, staleness, round);
        expect(stalenessWeight(option, 0, round)).toBe(1);
        expect(weight).toBeGreaterThan(0);
        expect(weight).toBeLessThanOrEqual(1);
        if (staleness > 0)
          expect(stalenessWeight(option, staleness - 1, round)).toBeGreaterThanOrEqual(weight);
      }),
    );
  });

  it.each([
    [-1, 5],
    [5, 5],
    [0, 0],
    [0.5, 5],
    [0, 1.5],
    [Number.NaN, 5],
  ])("refuses staleness %d in round %d", (staleness, round) => {
    expect(() => stalenessWeight(constant, staleness, round)).toThrow("impossible");
  });
});

describe("isUsable", () => {
  it.each([
    [0, 0, true],
    [1, 0, false],
    [2, 2, true],
    [3, 2, false],
    [-1, 2, false],
  ])("staleness %d of at most %d: %s", (staleness, maxRounds, usable) => {
    expect(isUsable(staleness, maxRounds)).toBe(usable);
  });
});
