// Reports that came after the last close: whom they free.
import { describe, expect, it } from "vitest";
import { busyWith, withReports } from "../../../shared/core/roster/reports.ts";
import type { RosterEntry } from "../../../shared/core/selection/strategy.ts";
import { deepFreeze } from "../../support/builders.ts";

const NOW = 1_000;
const entry = (clientId: string, overrides: Partial<RosterEntry> = {}): RosterEntry => ({
  clientId,
  trainMsHistory: [],
  missedRounds: [3],
  cooldownRounds: 2,
  invocations: 1,
  lastSelectedRound: 3,
  busyUntilMs: NOW + 1,
  lastSeenMs: null,
  ...overrides,
});

describe("busyWith", () => {
  it("names what each busy client is at work on", () => {
    const roster = deepFreeze([
      entry("a"),
      entry("b", { busyUntilMs: NOW }),
      entry("c", { busyUntilMs: null }),
      entry("d", { lastSelectedRound: 7 }),
      entry("e", { lastSelectedRound: null }),
    ]);
    expect(busyWith(roster, NOW)).toEqual([
      { clientId: "a", round: 3 },
      { clientId: "d", round: 7 },
    ]);
    expect(busyWith(roster, NOW - 1).map(({ clientId }) => clientId)).toContain("b");
  });
});

describe("withReports", () => {
  const roster = deepFreeze([entry("a"), entry("b"), entry("c", { lastSeenMs: 990 })]);

  it("frees whoever has reported, and leaves what a close decides", () => {
    const after = withReports(roster, [{ clientId: "a", round: 3, freedAt: 900 }], NOW);
    expect(after[0]).toEqual(entry("a", { busyUntilMs: null, lastSeenMs: 900 }));
    expect(after.slice(1)).toEqual(roster.slice(1));
  });

  it("never takes the last sign of a client back", () => {
    const after = withReports(roster, [{ clientId: "c", round: 3, freedAt: 900 }], NOW);
    expect(after[2]).toMatchObject({ busyUntilMs: null, lastSeenMs: 990 });
  });

  it.each([
    ["of an invocation without one", { clientId: "a", round: 3, freedAt: null }],
    ["of an earlier invocation", { clientId: "a", round: 2, freedAt: 900 }],
    ["that is yet to come", { clientId: "a", round: 3, freedAt: NOW + 1 }],
    ["of somebody else", { clientId: "x", round: 3, freedAt: 900 }],
  ])("a report %s frees nobody", (_what, report) => {
    expect(withReports(roster, [report], NOW)).toEqual(roster);
  });

  it("gives the same roster where nobody has reported", () => {
    expect(withReports(roster, [], NOW)).toBe(roster);
  });
});
