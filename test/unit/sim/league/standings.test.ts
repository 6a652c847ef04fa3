// What the games of a league say: means, intervals, chance, and how the default compares.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Game } from "../../../../infra/sim/league/leagueFile.ts";
import { chanceOf, interval, standingsOf, verdictsOf } from "../../../../infra/sim/league/standings.ts";

const contest = { name: "slow", stragglers: 0.3, targetAccuracy: 0.7, budgetMinutes: 30 };

const game = (entrant: string, seed: number, minutes: number | null): Game => ({
  contest: "slow",
  entrant,
  seed,
  reached: minutes === null ? null : { minutes, usd: minutes / 100, updates: 10 * minutes },
  usd: 0.5,
  updates: 400,
  accuracy: 0.7 + seed / 100,
  worstDecile: 0.4,
  eur: 0.9,
});

describe("standings", () => {
  it("are means over the seeds, the quickest first; what is not reached counts twice what was spent", () => {
    const games = [
      game("fedavg", 1, 20),
      game("fedavg", 2, null),
      game("default", 1, 10),
      game("default", 2, 14),
    ];
    const [first, second, ...none] = standingsOf(games, [contest]);
    expect(none).toEqual([]);
    expect(first).toMatchObject({ contest: "slow", entrant: "default", seeds: 2, reached: 2, eur: 0.9 });
    expect(first?.toTarget.minutes).toEqual({ mean: 12, low: 10, high: 14 });
    expect(first?.accuracy.mean).toBeCloseTo(0.715);
    expect(second).toMatchObject({ entrant: "fedavg", reached: 1 });
    expect(second?.toTarget.minutes.mean).toBe((20 + 60) / 2);
    expect(second?.toTarget.usd.mean).toBe((0.2 + 1) / 2);
    expect(second?.toTarget.updates.mean).toBe((200 + 800) / 2);
  });

  it("leave other contests and contests without games out", () => {
    const other = { ...contest, name: "other" };
    expect(standingsOf([game("default", 1, 3)], [other, contest])).toHaveLength(1);
    expect(standingsOf([], [contest])).toEqual([]);
  });
});

describe("verdicts", () => {
  const seeds = [1, 2, 3, 4, 5];
  const outcomes = (ours: (seed: number) => number | null) =>
    verdictsOf(
      seeds.flatMap((seed) => [
        // In another order than the seeds of the default.
        game("fedavg", 6 - seed, 20 + 6 - seed),
        game("oort", seed, null),
        game("default", seed, ours(seed)),
      ]),
      [contest],
    );

  it("compare with the best other, seed by seed", () => {
    const [minutes] = outcomes((seed) => 20 + seed - 2);
    expect(minutes).toMatchObject({ measure: "minutes", best: "fedavg", outcome: "wins", p: 2 / 32 });
    expect(minutes?.difference).toEqual({ mean: -2, low: -2, high: -2 });
    expect(minutes?.ratio).toBeCloseTo(21 / 23);
  });

  it("are of time, USD and updates, and say who loses and who is even", () => {
    expect(outcomes((seed) => 21 + seed).map(({ outcome }) => outcome)).toEqual(["loses", "loses", "loses"]);
    expect(outcomes((seed) => 20 + seed).map(({ outcome, p }) => [outcome, p])).toEqual(
      Array.from({ length: 3 }, () => ["even", 1]),
    );
    expect(outcomes((seed) => (seed % 2 === 0 ? 20 + seed + 3 : 20 + seed - 2))[0]?.outcome).toBe("even");
  });

  it("leave out who hardly gets there, however little it spends, unless nobody else does better", () => {
    const thrifty = (seed: number, minutes: number | null) => ({
      ...game("chain", seed, minutes),
      usd: 0.01,
    });
    const bestByUsd = (reachedOf: readonly (number | null)[], others: readonly Game[]) =>
      verdictsOf(
        [
          ...others,
          ...reachedOf.map((minutes, i) => thrifty(i + 1, minutes)),
          ...reachedOf.map((_, i) => game("default", i + 1, 20)),
        ],
        [contest],
      ).find(({ measure }) => measure === "usd")?.best;
    const others = seeds.slice(0, 4).map((seed) => game("fedavg", seed, 21));
    expect(bestByUsd([null, null, 10, 10], others), "half").toBe("fedavg");
    expect(bestByUsd([null, 10, 10, 10], others), "more than half").toBe("chain");
    const late = seeds.slice(0, 4).map((seed) => game("fedavg", seed, null));
    expect(bestByUsd([null, null, null, 10], late), "once").toBe("chain");
    expect(bestByUsd([null, null, null, null], late), "nobody gets there").toBeUndefined();
  });

  it("need the default and another one", () => {
    expect(verdictsOf([game("fedavg", 1, 3)], [contest])).toEqual([]);
    expect(verdictsOf([game("default", 1, 3)], [contest])).toEqual([]);
  });
});

describe("the chance of a difference", () => {
  it.each([
    [[1, 1, 1, 1, 1], 2 / 32],
    [[1, 2, -3], 1],
    [[4, 1], 0.5],
    [[0, 0], 1],
    [[-5], 1],
  ])("of %j is %s", (differences, expected) => {
    expect(chanceOf(differences)).toBe(expected);
  });

  it("is drawn where there are many pairs", () => {
    const far = Array.from({ length: 20 }, (_, i) => 1 + i / 100);
    expect(chanceOf(far)).toBeLessThan(0.01);
    expect(chanceOf(far)).toBe(chanceOf(far));
    expect(chanceOf(far.map((value, i) => (i % 2 === 0 ? value : -value)))).toBeGreaterThan(0.5);
  });
});

describe("an interval", () => {
  it("holds the mean and lies within the values; the same values give the same one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 8 }),
        (values) => {
          const { mean, low, high } = interval(values);
          expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
          expect(low).toBeLessThanOrEqual(mean + 1e-9);
          expect(high).toBeGreaterThanOrEqual(mean - 1e-9);
          expect(interval(values)).toEqual({ mean, low, high });
        },
      ),
      { numRuns: 20 },
    );
  });

  it("of five values is that of the bootstrap", () => {
    // By numpy, from 100,000 resamples: 1.8 and 7.2.
    const { low, high } = interval([1, 2, 3, 4, 10]);
    expect(low).toBeCloseTo(1.8, 0);
    expect(high).toBeCloseTo(7.2, 0);
  });
});
