// Clients in tiers of speed, and a cohort for each tier that has none at work.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inTiers, shareOfTier } from "../../../../shared/core/methods/selection/byTier.ts";
import { selectCohort } from "../../../../shared/core/methods/selection/selectCohort.ts";
import type { RosterEntry } from "../../../../shared/core/methods/selection/strategy.ts";
import { buildSpec, deepFreeze, T0 } from "../../../support/builders.ts";

function client(clientId: string, trainMs: readonly number[] = [], more: Partial<RosterEntry> = {}) {
  return deepFreeze<RosterEntry>({
    clientId,
    trainMsHistory: [...trainMs],
    missedRounds: [],
    cooldownRounds: 0,
    invocations: trainMs.length,
    lastSelectedRound: trainMs.length === 0 ? null : 1,
    busyUntilMs: null,
    ...more,
  });
}

const ids = (tiers: readonly (readonly RosterEntry[])[]) =>
  tiers.map((members) => members.map(({ clientId }) => clientId));

describe("the tier of a client", () => {
  it("is by how long its work takes on average, in equal parts, whatever the order of the roster", () => {
    const clients = [
      client("a", [900]),
      client("b", [100]),
      // The newest counts half.
      client("c", [100, 700]),
      client("d", [300]),
      client("e", [200]),
      client("f", [800]),
    ];
    const expected = [
      ["b", "e"],
      ["d", "c"],
      ["f", "a"],
    ];
    expect(ids(inTiers(clients, 3))).toEqual(expected);
    expect(ids(inTiers(clients.toReversed(), 3))).toEqual(expected);
  });

  it("is the slowest where it was not heard of when it was last invited, and as before once it was", () => {
    const gone = { missedRounds: [4], lastSelectedRound: 4 };
    const clients = [client("a", [10], gone), client("b", [20]), client("c", [30]), client("d", [], gone)];
    expect(ids(inTiers(clients, 2))).toEqual([
      ["b", "c"],
      ["a", "d"],
    ]);
    const back = [client("a", [10], { missedRounds: [4], lastSelectedRound: 5 }), ...clients.slice(1, 3)];
    expect(ids(inTiers(back, 3))).toEqual([["a"], ["b"], ["c"]]);
  });

  it("is dealt out where nothing is known of it", () => {
    const clients = [client("e"), client("d"), client("c"), client("b", [5]), client("a")];
    expect(ids(inTiers(clients, 2))).toEqual([
      ["b", "a", "d"],
      ["c", "e"],
    ]);
    expect(ids(inTiers([], 3))).toEqual([[], [], []]);
  });

  it("is one for each client, and parts are equal but for one of the known and one of the unknown", () => {
    const some = fc.uniqueArray(fc.record({ id: fc.nat({ max: 200 }), ms: fc.option(fc.nat()) }), {
      selector: ({ id }) => id,
    });
    fc.assert(
      fc.property(some, fc.integer({ min: 2, max: 5 }), (drawn, count) => {
        const clients = drawn.map(({ id, ms }) => client(String(id), ms === null ? [] : [ms]));
        const tiers = inTiers(clients, count);
        expect(tiers).toHaveLength(count);
        expect(ids(tiers).flat().sort()).toEqual(clients.map(({ clientId }) => clientId).sort());
        const sizes = tiers.map((members) => members.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
        const known = tiers.map((members) => members.flatMap(({ trainMsHistory }) => trainMsHistory));
        for (const [i, slower] of known.entries()) {
          const before = Math.max(...known.slice(0, i).flat(), 0);
          for (const ms of slower) expect(ms).toBeGreaterThanOrEqual(before);
        }
      }),
    );
  });

  it("has its share of the places", () => {
    expect([1, 2, 3].map((tier) => shareOfTier(15, tier, 3))).toEqual([5, 5, 5]);
    expect([1, 2, 3].map((tier) => shareOfTier(8, tier, 3))).toEqual([3, 3, 2]);
    expect([1, 2, 3].map((tier) => shareOfTier(3, tier, 3))).toEqual([1, 1, 1]);
  });
});

describe("the cohort of a run in tiers", () => {
  const spec = buildSpec({
    selection: { strategy: "random", cohortSize: 4 },
    aggregation: { strategy: "fedat", tiers: 2 },
    round: {},
  });
  const roster = Array.from("abcdefgh", (id, i) => client(id, [100 * (i + 1)]));
  const select = (more: object = {}) =>
    selectCohort({ spec }, 5, { roster, state: null, limit: 1_000, placesTaken: 4, ...more }, T0);

  it("is one for each tier, with the tier in each reason", () => {
    const { cohort, tiers, groups, considered } = select();
    expect(tiers?.map(({ tier, members }) => [tier, members.length])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(tiers?.flatMap(({ members }) => members).toSorted()).toEqual(cohort);
    const [fast, slow] = tiers ?? [];
    for (const id of fast?.members ?? []) expect("abcd").toContain(id);
    for (const id of slow?.members ?? []) expect("efgh").toContain(id);
    expect(groups).toEqual([
      {
        name: "tier 1",
        size: 4,
        chosen: 2,
        figures: [
          { name: "clients timed", value: 4 },
          { name: "mean work s", value: 0.25 },
        ],
      },
      {
        name: "tier 2",
        size: 4,
        chosen: 2,
        figures: [
          { name: "clients timed", value: 4 },
          { name: "mean work s", value: expect.closeTo(0.65, 9) },
        ],
      },
    ]);
    for (const { clientId, reason, tier } of considered) {
      const name = clientId < "e" ? "tier 1" : "tier 2";
      expect({ reason, tier }).toEqual({
        reason: expect.stringMatching(`^${name} of 2: .*drawn`),
        tier: name,
      });
    }
    expect(select()).toEqual(select());
  });

  it("leaves alone a tier whose cohort is at work", () => {
    const { tiers, considered, groups } = select({ tiersAtWork: [1] });
    expect(tiers?.map(({ tier }) => tier)).toEqual([2]);
    expect(groups?.[0]).toMatchObject({ name: "tier 1", chosen: 0, note: "at work" });
    expect(considered.find(({ clientId }) => clientId === "a")).toMatchObject({
      chosen: false,
      reason: "tier 1 of 2: its cohort is at work",
    });
    expect(select({ tiersAtWork: [1, 2] })).toMatchObject({ cohort: [], tiers: [] });
  });

  it("has no tier without a free client in it", () => {
    const busy = roster.map((one) => (one.clientId < "e" ? { ...one, busyUntilMs: T0 + 1 } : one));
    expect(select({ roster: busy }).tiers?.map(({ tier }) => tier)).toEqual([2]);
    expect(select({ roster: roster.slice(0, 1) }).tiers).toEqual([{ tier: 1, members: ["a"] }]);
    expect(select({ roster: [] })).toMatchObject({ cohort: [], tiers: [] });
  });
});
