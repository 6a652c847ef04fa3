// Spares: how many clients are invited, and how many updates are waited for.
import { describe, expect, it } from "vitest";
import { invitedCount, wantedCount } from "../../../../shared/core/methods/selection/cohortOptions.ts";

describe("invitedCount", () => {
  it.each([
    [10, undefined, 10],
    [10, 0, 10],
    [10, 0.1, 11],
    [10, 0.11, 12],
    [1, 0.01, 2],
    [100, 1, 200],
    [900, 0.5, 1_000],
    [1_000, 0.5, 1_000],
  ])("of %i wanted with a share of %s on top invites %i", (cohortSize, overSelect, invited) => {
    expect(invitedCount({ cohortSize, overSelect }, 1_000)).toBe(invited);
  });
});

it("waits for no more updates than were wanted, and no more than clients were found", () => {
  expect(wantedCount(12, { cohortSize: 10, overSelect: 0.2 })).toBe(10);
  expect(wantedCount(7, { cohortSize: 10, overSelect: 0.2 })).toBe(7);
});
