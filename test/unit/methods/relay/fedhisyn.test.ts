// FedHiSyn's classes of speed, by hand: who is with whom, in which order, and how many turns fit.
import { describe, expect, it } from "vitest";
import { behaviour, speedClasses } from "../../../../shared/core/methods/relay/fedhisyn/index.ts";
import { randomFrom } from "../../../../shared/core/random.ts";

const members = (workMs: Readonly<Record<string, number | null>>) =>
  Object.entries(workMs).map(([clientId, ms]) => ({ clientId, workMs: ms, labelShares: null }));
const arrange = (workMs: Readonly<Record<string, number | null>>, groupSize = 4, classes = 2) =>
  behaviour.arrange(members(workMs), { strategy: "fedhisyn", groupSize, classes }, randomFrom(1));

describe("fedhisyn", () => {
  it("groups clients that are about as fast, the fastest first, as many as have turns in the interval", () => {
    // The interval is four turns of a second; the slow ones, at two seconds, have two.
    const slow = { e: 2_100, f: 1_900, g: 2_000, h: 2_000 };
    expect(arrange({ ...slow, a: 1_100, b: 900, c: 1_000, d: 1_000 })).toEqual([
      ["b", "c", "d", "a"],
      ["f", "g"],
      ["h", "e"],
    ]);
  });

  it("gives a class that is slower than the whole interval one turn each", () => {
    expect(arrange({ a: 100, b: 100, c: 5_000, d: 6_000 })).toEqual([["a", "b"], ["c"], ["d"]]);
  });

  it("puts clients that have finished nothing in groups of their own", () => {
    expect(arrange({ a: null, b: 10, c: null, d: 10, e: null }, 2)).toEqual([["b", "d"], ["a"], ["c", "e"]]);
  });

  it("makes groups of the full size where all are as fast, or take no time", () => {
    expect(arrange({ a: 7, b: 7, c: 7, d: 7 }, 2)).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
    expect(arrange({ a: 0, b: 0, c: 0 }, 3)).toEqual([["a", "b", "c"]]);
  });
});

describe("speedClasses", () => {
  it("separates what lies apart, and makes no more classes than there are durations", () => {
    expect(speedClasses([1, 1.1, 9, 9.1, 30, 31], 3)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(speedClasses([5], 3)).toEqual([0]);
    expect(speedClasses([], 3)).toEqual([]);
    expect(speedClasses([4, 4, 4], 2)).toEqual([0, 0, 0]);
  });
});
