// Reports that came after the last close: which clients they free.
import { describe, expect, it } from "vitest";
import type { RosterEntry } from "../../../shared/core/methods/selection/strategy.ts";
import {
  busyWith,
  type CallOnItsWay,
  freedBy,
  withCalls,
  withReports,
} from "../../../shared/core/roster/reports.ts";
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

  it("frees clients that have reported, and leaves what a close decides", () => {
    const after = withReports(roster, [{ clientId: "a", round: 3, freedAt: 900, refused: false }], NOW);
    expect(after[0]).toEqual(entry("a", { busyUntilMs: null, lastSeenMs: 900 }));
    expect(after.slice(1)).toEqual(roster.slice(1));
  });

  it("never takes the last sign of a client back", () => {
    const after = withReports(roster, [{ clientId: "c", round: 3, freedAt: 900, refused: false }], NOW);
    expect(after[2]).toMatchObject({ busyUntilMs: null, lastSeenMs: 990 });
  });

  it.each([
    ["of an invocation without one", { clientId: "a", round: 3, freedAt: null, refused: false }],
    ["of an earlier invocation", { clientId: "a", round: 2, freedAt: 900, refused: false }],
    ["that is yet to come", { clientId: "a", round: 3, freedAt: NOW + 1, refused: false }],
    ["of another client", { clientId: "x", round: 3, freedAt: 900, refused: false }],
  ])("a report %s frees no client", (_what, report) => {
    expect(withReports(roster, [report], NOW)).toEqual(roster);
  });

  it("gives the same roster where none has reported", () => {
    expect(withReports(roster, [], NOW)).toBe(roster);
  });

  it("a claim that came too late frees its client, unless that has become a habit", () => {
    const refused = [{ clientId: "a", round: 3, freedAt: 900, refused: true }];
    for (const [cooldownRounds, busyUntilMs] of [
      [0, null],
      [1, null],
      [2, entry("a").busyUntilMs],
    ] as const) {
      const after = withReports([entry("a", { cooldownRounds })], refused, NOW);
      expect(after[0]?.busyUntilMs).toBe(busyUntilMs);
    }
    const reported = [{ clientId: "a", round: 3, freedAt: 900, refused: false }];
    expect(withReports([entry("a", { cooldownRounds: 2 })], reported, NOW)[0]?.busyUntilMs).toBeNull();
  });
});

describe("freedBy", () => {
  const at = { clientId: "a", round: 3 };

  it.each([
    [null, null, { freedAt: null, refused: true }],
    [7, null, { freedAt: 7, refused: false }],
    [null, 8, { freedAt: 8, refused: true }],
    [7, 8, { freedAt: 7, refused: false }],
  ])("reported at %s, refused at %s", (reportedAt, refusedAt, freed) => {
    expect(freedBy({ ...at, reportedAt, refusedAt })).toEqual({ ...at, ...freed });
  });
});

describe("withCalls", () => {
  const free = (more: Partial<RosterEntry> = {}) =>
    entry("a", { busyUntilMs: null, lastSeenMs: NOW - 60_001, ...more });
  const call = (more: Partial<CallOnItsWay> = {}) => ({
    clientId: "a",
    round: 3,
    untilMs: NOW + 60_000,
    ...more,
  });
  const busyUntil = (one: RosterEntry, ...calls: CallOnItsWay[]) =>
    withCalls(deepFreeze([one]), calls, NOW)[0]?.busyUntilMs;

  it("a client that has reported and holds its call is busy until that must end, or is looked up again", () => {
    expect(busyUntil(free(), call({ untilMs: NOW + 3_000 }))).toBe(NOW + 3_000);
    expect(busyUntil(free(), call({ untilMs: NOW + 1 }), call({ untilMs: NOW + 4_000 }))).toBe(NOW + 4_000);
    expect(busyUntil(free(), call())).toBe(NOW + 5_000);
    expect(busyUntil(free(), call({ untilMs: NOW }))).toBeNull();
  });

  it("one call has a minute to be answered in, two have not", () => {
    expect(busyUntil(free({ lastSeenMs: NOW - 60_000 }), call())).toBeNull();
    expect(busyUntil(free({ lastSeenMs: NOW }), call(), call({ round: 2 }))).toBe(NOW + 5_000);
  });

  it("leaves who is busy anyway, and others, as they are", () => {
    const roster = [entry("b", { busyUntilMs: NOW + 1 }), free()];
    expect(withCalls(roster, [call({ clientId: "b" }), call({ clientId: "x" })], NOW)).toEqual(roster);
    expect(withCalls(roster, [], NOW)).toBe(roster);
  });
});
