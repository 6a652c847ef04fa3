// Uniform selection: fair, and its reasons read well.
import { describe, expect, it } from "vitest";
import { SelectionOptions } from "../../../../shared/core/methods/selection/options.ts";
import { behaviour } from "../../../../shared/core/methods/selection/random/index.ts";
import type { RosterEntry } from "../../../../shared/core/methods/selection/strategy.ts";
import { randomFrom } from "../../../../shared/core/random.ts";

const client = (clientId: string, change: Partial<RosterEntry> = {}): RosterEntry => ({
  clientId,
  trainMsHistory: [],
  missedRounds: [],
  cooldownRounds: 0,
  invocations: 0,
  lastSelectedRound: null,
  busyUntilMs: null,
  ...change,
});
const many = (count: number): RosterEntry[] =>
  Array.from({ length: count }, (_, i) => client(`c${String(i).padStart(3, "0")}`));
const input = (clients: RosterEntry[], cohortSize: number) => ({
  round: 5,
  cohortSize,
  clients,
  nowMs: 1_000,
  options: { strategy: "random" as const, cohortSize },
});

describe("selectRandom", () => {
  it("gives its reasons in words", () => {
    const clients = [
      client("a"),
      client("b"),
      client("c", { busyUntilMs: 2_000, lastSelectedRound: 4 }),
      client("d", { busyUntilMs: 2_000 }),
      client("e"),
    ];
    const { cohort, considered } = behaviour.select(input(clients, 2), randomFrom(7));
    expect(cohort).toEqual(["a", "e"]);
    expect(considered).toEqual([
      { clientId: "a", chosen: true, reason: "drawn 2nd of 2 from 3 available", rank: 2 },
      { clientId: "b", chosen: false, reason: "not drawn: 2 of 3 available were", rank: null },
      { clientId: "c", chosen: false, reason: "busy since round 4", rank: null },
      { clientId: "d", chosen: false, reason: "busy", rank: null },
      { clientId: "e", chosen: true, reason: "drawn 1st of 2 from 3 available", rank: 1 },
    ]);
  });

  it("counts as people do", () => {
    const { considered } = behaviour.select(input(many(113), 113), randomFrom(1));
    const words = considered.map(({ rank, reason }) => ({ rank, word: reason.split(" ")[1] }));
    for (const word of [
      "1st",
      "2nd",
      "3rd",
      "4th",
      "11th",
      "12th",
      "13th",
      "21st",
      "22nd",
      "23rd",
      "111th",
      "113th",
    ]) {
      expect(words).toContainEqual({ rank: Number.parseInt(word, 10), word });
    }
  });

  it("draws everyone equally often", () => {
    const clients = many(10);
    const counts = new Map<string, number>();
    const rounds = 3_000;
    for (let round = 0; round < rounds; round++) {
      for (const clientId of behaviour.select(input(clients, 3), randomFrom(1, round)).cohort) {
        counts.set(clientId, (counts.get(clientId) ?? 0) + 1);
      }
    }
    // Binomial(3000, 0.3): a standard deviation of 25.
    expect(counts.size).toBe(10);
    for (const count of counts.values()) expect(Math.abs(count - 900)).toBeLessThan(100);
  });

  it("chooses differently for another seed", () => {
    const clients = many(100);
    const cohorts = [1, 2, 3].map((seed) =>
      behaviour.select(input(clients, 10), randomFrom(seed)).cohort.join(),
    );
    expect(new Set(cohorts).size).toBe(3);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses a cohort of %d", (cohortSize) => {
    const given = { ...input(many(3), 1), cohortSize };
    expect(() => behaviour.select(given, randomFrom(1))).toThrow("at least 1");
  });
});

describe("SelectionOptions", () => {
  it.each([1, 100_000])("takes a cohort of %d", (cohortSize) => {
    expect(SelectionOptions.parse({ strategy: "random", cohortSize })).toEqual({
      strategy: "random",
      cohortSize,
    });
  });

  it.each([
    { strategy: "random", cohortSize: 0 },
    { strategy: "random", cohortSize: 100_001 },
    { strategy: "random", cohortSize: 1.5 },
    { strategy: "random", cohortSize: "8" },
    { strategy: "random" },
    { strategy: "random", cohortSize: 8, seed: 1 },
    { strategy: "unknown", cohortSize: 8 },
    { cohortSize: 8 },
  ])("refuses %j", (options) => {
    expect(SelectionOptions.safeParse(options).success).toBe(false);
  });
});
