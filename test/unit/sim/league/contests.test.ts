// The league's contests, and how they are shortened for a quick look.
import { expect, it } from "vitest";
import { contests, shortened } from "../../../../infra/sim/league/contests.ts";

it("are shortened to a sixth of the time and two thirds of the accuracy", () => {
  expect(shortened({ name: "crash", stragglers: 0.3, targetAccuracy: 0.68, budgetMinutes: 24 })).toEqual({
    ...{ name: "crash", stragglers: 0.3, targetAccuracy: 0.45, budgetMinutes: 4 },
  });
});

it("are of other scenarios each, with a target that is not met by chance", () => {
  expect(new Set(contests.map(({ name }) => name)).size).toBe(contests.length);
  // Ten classes: one in ten is right by chance.
  for (const contest of contests) expect(shortened(contest).targetAccuracy).toBeGreaterThan(0.3);
});
