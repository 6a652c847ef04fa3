// Following a run: which rounds are looked at again.
import { describe, expect, it, test } from "vitest";
import {
  firstRoundOfLook,
  firstUnsettled,
  isSettled,
  ROUNDS_SEEN,
  roundsOfInvocations,
  type Seen,
} from "../../../shared/core/round/live.ts";
import { buildRound, T0 } from "../../support/builders.ts";

const seen = (more: Partial<Seen>): Seen => ({ from: 1, round: 0, newestMs: 0, ...more });

describe("firstRoundOfLook", () => {
  test.each<[string, Seen | null, number, number]>([
    ["nothing seen, before the first round", null, 0, 1],
    ["nothing seen, one round", null, 1, 1],
    ["nothing seen: the last two", null, 30, 29],
    ["all settled: the last two", seen({ from: 31 }), 30, 29],
    ["one that waits for its score", seen({ from: 25 }), 30, 25],
    ["one that has waited for too long", seen({ from: 2 }), 30, 30 - ROUNDS_SEEN + 1],
    ["a cursor from beyond the end", seen({ from: 9_000 }), 3, 2],
  ])("%s", (_name, known, last, first) => {
    expect(firstRoundOfLook(known, last)).toBe(first);
  });
});

describe("roundsOfInvocations", () => {
  test.each<[string, Seen | null, number, readonly number[]]>([
    ["no round", null, 0, []],
    ["no round, seen before", seen({ round: 0 }), 0, []],
    ["the first look", null, 3, [3]],
    ["the first round since", seen({ round: 0 }), 1, [1]],
    ["the same round", seen({ round: 3 }), 3, [3]],
    ["the next one", seen({ round: 3 }), 4, [3, 4]],
    ["rounds that nobody looked at are the series'", seen({ round: 3 }), 6, [6]],
  ])("%s", (_name, known, last, rounds) => {
    expect(roundsOfInvocations(known, last)).toEqual(rounds);
  });
});

describe("isSettled", () => {
  const closed = { status: "closed", newVersion: 1, loss: 0.5, followedUp: true, closedAt: T0 } as const;
  test.each([
    ["closed, followed up and scored", closed, true],
    ["a loss of 0", { ...closed, loss: 0 }, true],
    ["not scored, with a reason", { ...closed, loss: null, unscoredReason: "central is false" }, true],
    ["degraded: it made no version", { ...closed, status: "degraded", loss: null, newVersion: null }, true],
    ["cancelled", { status: "cancelled" }, true],
    ["not scored yet", { ...closed, loss: null }, false],
    ["not followed up yet", { ...closed, followedUp: false }, false],
    ["in training", {}, false],
  ] as const)("%s", (_name, round, settled) => {
    expect(isSettled(buildRound(round))).toBe(settled);
  });

  it("gives the first that is not, or the one after the last", () => {
    const rounds = [closed, closed, {}, closed].map((more, i) => buildRound({ round: i + 4, ...more }));
    expect(firstUnsettled(rounds, 7)).toBe(6);
    expect(firstUnsettled(rounds.slice(0, 2), 5)).toBe(6);
    expect(firstUnsettled([], 0)).toBe(1);
  });
});
