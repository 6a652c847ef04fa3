// How long a round waits for its cohort.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adaptiveDeadline, deadlineSeconds } from "../../../shared/core/round/deadline.ts";
import { RoundSpec } from "../../../shared/core/schemas/spec.ts";

const rule = { quantile: 0.9, slack: 0.5, minSeconds: 5, maxSeconds: 60 };

describe("adaptiveDeadline", () => {
  it.each([
    ["the slowest of those it waits for", [8, 10, 9, 7, 6, 5, 4, 3, 2, 100], 15],
    ["the unknown as the slowest", [10, null], 60],
    ["no client", [], 60],
    ["nothing below the least", [1, 1], 5],
    ["nothing above the most", [50, 50], 60],
  ])("takes %s", (_, predicted, seconds) => {
    expect(adaptiveDeadline(predicted, rule)).toBe(seconds);
  });

  it("waits for everybody with a quantile of 1, and the upper bound wins", () => {
    expect(adaptiveDeadline([1, 30], { ...rule, quantile: 1, slack: 0 })).toBe(30);
    expect(adaptiveDeadline([1], { ...rule, minSeconds: 90 })).toBe(60);
  });

  it("adds the wait for a function, and its slack, within the bounds", () => {
    expect(adaptiveDeadline([10], rule, 4)).toBe(21);
    expect(adaptiveDeadline([50], rule, 4)).toBe(60);
  });

  it("keeps to its bounds, in any order, and leaves its input alone", () => {
    const predicted = fc.array(fc.option(fc.double({ min: 0, max: 1e6, noNaN: true })));
    fc.assert(
      fc.property(predicted, (given) => {
        const seconds = adaptiveDeadline(Object.freeze(given), rule);
        expect(seconds).toBeGreaterThanOrEqual(5);
        expect(seconds).toBeLessThanOrEqual(60);
        expect(adaptiveDeadline(given.toReversed(), rule)).toBe(seconds);
      }),
    );
  });
});

describe("deadlineSeconds", () => {
  const selection = {
    cohort: ["a"],
    considered: [
      { clientId: "a", chosen: true, reason: "known", rank: 1, predictedMs: 10_000 },
      { clientId: "b", chosen: false, reason: "slow", rank: null, predictedMs: 50_000 },
    ],
  };

  it("is what the spec says, or goes by the chosen", () => {
    expect(deadlineSeconds(RoundSpec.parse({}), selection)).toBe(60);
    expect(deadlineSeconds(RoundSpec.parse({ deadline: { kind: "fixed" } }), selection)).toBe(60);
    expect(deadlineSeconds(RoundSpec.parse({ deadline: { kind: "adaptive" } }), selection)).toBe(15);
  });
});
