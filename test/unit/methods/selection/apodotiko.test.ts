// Apodotiko: scores by hand, chances in proportion to them, and what hostile reports can do.
import { describe, expect, it } from "vitest";
import { ApodotikoOptions } from "../../../../shared/core/methods/selection/apodotiko/face.ts";
import { behaviour, logScores } from "../../../../shared/core/methods/selection/apodotiko/index.ts";
import type { RosterEntry } from "../../../../shared/core/methods/selection/strategy.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { simulated } from "../../../support/simulated.ts";
import { buildScenario } from "../../sim/builders.ts";

const client = (clientId: string, change: Partial<RosterEntry> = {}): RosterEntry => ({
  clientId,
  trainMsHistory: [1_000],
  missedRounds: [],
  cooldownRounds: 0,
  invocations: 1,
  lastSelectedRound: 9,
  busyUntilMs: null,
  signals: { samples: 10 },
  ...change,
});
const options = (change: object = {}) =>
  ApodotikoOptions.parse({ strategy: "apodotiko", cohortSize: 1, ...change });
const select = (clients: readonly RosterEntry[], change: object = {}, seed = 1) => {
  const given = options(change);
  const input = { round: 10, cohortSize: given.cohortSize, clients, nowMs: 1_000_000, options: given };
  return behaviour.select(input, randomFrom(seed));
};
const scoreOf = (one: RosterEntry, change: object = {}) =>
  Math.exp(logScores([one], 10, options(change)).get(one.clientId) ?? Number.NaN);

describe("a score", () => {
  it("is the decayed mean of work a second, the newest first, over the newest five", () => {
    const times = [9_999, 6_000, 5_000, 4_000, 2_000, 1_000];
    const [sum, weights] = [1_000, 2_000, 4_000, 5_000, 6_000].reduce(
      ([total, all], ms, i) => [total + 0.8 ** i * (100 / ms), all + 0.8 ** i] as [number, number],
      [0, 0] as [number, number],
    );
    expect(scoreOf(client("a", { trainMsHistory: times }))).toBeCloseTo(sum / weights, 12);
  });

  it("grows by the booster with each round that its client was not chosen in", () => {
    const base = scoreOf(client("a", { lastSelectedRound: 9 }));
    expect(scoreOf(client("a", { lastSelectedRound: 8 })) / base).toBeCloseTo(1.2, 12);
    expect(scoreOf(client("a", { lastSelectedRound: 4 })) / base).toBeCloseTo(1.2 ** 5, 12);
  });

  it("takes no more samples from a report than ten times the median", () => {
    const honest = Array.from({ length: 4 }, (_, i) => client(`a${i}`));
    const liar = client("z", { signals: { samples: 1e30 } });
    const scores = logScores([...honest, liar], 10, options());
    expect(Math.exp((scores.get("z") ?? 0) - (scores.get("a0") ?? 0))).toBeCloseTo(100, 6);
  });

  it("is the others' mean where nothing is known, and finite for a run that never ends", () => {
    const scores = logScores([client("a"), client("b", { trainMsHistory: [] })], 10, options());
    expect(scores.get("b")).toBe(scores.get("a"));
    const late = logScores([client("a", { trainMsHistory: [0], lastSelectedRound: 1 })], 9_999, options());
    expect(Number.isFinite(late.get("a"))).toBe(true);
  });
});

describe("selection", () => {
  it("draws in proportion to the scores", () => {
    // Scores 1 : 3.
    const clients = [client("a", { trainMsHistory: [3_000] }), client("b")];
    let fast = 0;
    for (let seed = 0; seed < 2_000; seed++) {
      if (select(clients, {}, seed).cohort[0] === "b") fast += 1 / 2_000;
    }
    expect(Math.abs(fast - 0.75)).toBeLessThan(0.03);
  });

  it("takes clients never invoked first, and those that failed lately last", () => {
    const clients = [
      client("a"),
      client("b", { invocations: 0, trainMsHistory: [], lastSelectedRound: null }),
      client("c", { missedRounds: [5] }),
      client("d", { missedRounds: [4] }),
    ];
    expect(select(clients).cohort).toEqual(["b"]);
    const { considered } = select(clients, { cohortSize: 3 });
    expect(considered.map(({ chosen }) => chosen)).toEqual([true, true, false, true]);
    expect(considered[2]?.reason).toBe("missed round 5, sits out: not drawn");
    expect(considered[0]?.reason).toMatch(/^has 50 % of all scores: taken \d../);
    expect(select(clients, { cohortSize: 4 }).cohort).toEqual(["a", "b", "c", "d"]);
  });
});

it("takes less time for as many updates than uniform selection where clients differ in speed", async () => {
  const scenario = buildScenario({
    clients: 60,
    cohortSize: 10,
    rounds: 40,
    deadlineSeconds: 600,
    work: { seconds: 30, clientSpread: 1, callSpread: 0.1 },
  });
  const of = async (strategy: string) => {
    let [updates, endMs, least] = [0, 0, Number.POSITIVE_INFINITY];
    for (const seed of [1, 2]) {
      const { rounds, invocations } = await simulated({ scenario, strategy, seed });
      updates += rounds.reduce((sum, { round }) => sum + round.consumed.length, 0);
      endMs += rounds.at(-1)?.round.closedAt ?? Number.POSITIVE_INFINITY;
      least = Math.min(least, ...invocations);
    }
    return { updates, endMs, least };
  };
  const [apodotiko, random] = [await of("apodotiko"), await of("random")];
  expect(apodotiko.updates).toBeGreaterThanOrEqual(0.99 * random.updates);
  expect(apodotiko.endMs).toBeLessThan(0.85 * random.endMs);
  // The bonus for waiting: nobody is left out.
  expect(apodotiko.least).toBeGreaterThan(1);
});
