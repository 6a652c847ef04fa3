// The league's contests, and how they are shortened for a quick look.
import { expect, it } from "vitest";
import { contests, shortened } from "../../../../infra/sim/league/contests.ts";

it("are shortened to half of the time, three quarters of the accuracy and a quarter of the steps", () => {
  const contest = { name: "crash", stragglers: 0.3, targetAccuracy: 0.68, budgetMinutes: 24 };
  expect(shortened(contest)).toEqual({
    ...contest,
    targetAccuracy: 0.51,
    budgetMinutes: 12,
    work: { samplesPerClient: 100, localEpochs: 1 },
  });
  expect(contest.budgetMinutes).toBe(24);
});

it("are of other scenarios each, with a target that is not met by chance", () => {
  expect(new Set(contests.map(({ name }) => name)).size).toBe(contests.length);
  // Ten classes: one in ten is right by chance.
  for (const contest of contests) expect(shortened(contest).targetAccuracy).toBeGreaterThan(0.3);
});
