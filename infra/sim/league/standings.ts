// What the games say: of each entrant in each contest its figures with intervals, and whether another one
// differs from it by more than chance. Pure.
import { quantile } from "simple-statistics";
import { randomFrom } from "../../../shared/core/random.ts";
import type { Contest } from "./contests.ts";
import { DEFAULT } from "./entrants.ts";
import type { Game } from "./leagueFile.ts";

/** A mean over the seeds with its 95 % interval by the bootstrap (Efron and Tibshirani 1993), both inclusive. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export const measures = ["minutes", "usd", "updates"] as const;
/** Of what was needed until the target. */
export type Measure = (typeof measures)[number];

export interface Standing {
  readonly contest: string;
  readonly entrant: string;
  readonly seeds: number;
  /** With how many of them the target was reached. */
  readonly reached: number;
  /** To the target; a game that does not get there counts twice what it spent (PAR2). */
  readonly toTarget: Readonly<Record<Measure, Interval>>;
  readonly accuracy: Interval;
  readonly worstDecile: Interval;
  readonly eur: number;
}

/** How the default compares with the best other entrant that gets there, in one measure of one contest. */
export interface Verdict {
  readonly contest: string;
  readonly measure: Measure;
  /** The other entrant with the lowest mean: of those that are compared, see `verdictsOf`. */
  readonly best: string;
  /** The default's mean over the other's. */
  readonly ratio: number;
  /** The default less the other, seed by seed. */
  readonly difference: Interval;
  /** That chance alone makes such a difference, by exchanging signs. */
  readonly p: number;
  /** By more than the interval; `even` within it. */
  readonly outcome: "wins" | "even" | "loses";
}

const RESAMPLES = 2_000;

/** By contest, in the order of their means of the time to the target. */
export function standingsOf(games: readonly Game[], contests: readonly Contest[]): readonly Standing[] {
  return contests.flatMap((contest) => {
    const played = games.filter((game) => game.contest === contest.name);
    const byEntrant = Map.groupBy(played, ({ entrant }) => entrant);
    return [...byEntrant.entries()]
      .map(([entrant, own]) => standingOf(contest, entrant, own))
      .toSorted((a, b) => a.toTarget.minutes.mean - b.toTarget.minutes.mean);
  });
}

function standingOf(contest: Contest, entrant: string, games: readonly Game[]): Standing {
  const of = (value: (game: Game) => number) => interval(games.map(value));
  return {
    contest: contest.name,
    entrant,
    seeds: games.length,
    reached: games.filter(({ reached }) => reached !== null).length,
    toTarget: {
      minutes: of((game) => spent(game, "minutes", contest)),
      usd: of((game) => spent(game, "usd", contest)),
      updates: of((game) => spent(game, "updates", contest)),
    },
    accuracy: of(({ accuracy }) => accuracy),
    worstDecile: of(({ worstDecile }) => worstDecile),
    eur: games.reduce((sum, { eur }) => sum + eur, 0) / games.length,
  };
}

/** PAR2: what is not reached counts twice what was spent, as in comparisons of solvers. */
function spent(game: Game, measure: Measure, { budgetMinutes }: Contest): number {
  if (game.reached !== null) return game.reached[measure];
  return 2 * (measure === "minutes" ? budgetMinutes : game[measure]);
}

/**
 * The default against the best other entrant of each contest, in each measure; nothing where no other reaches
 * the target with any seed. An entrant that reaches it with half of its seeds or fewer is best only where all
 * others are such: what is slow spends little in the time there is, and twice little is not much.
 */
export function verdictsOf(games: readonly Game[], contests: readonly Contest[]): readonly Verdict[] {
  return contests.flatMap((contest) =>
    measures.flatMap((measure) => {
      const played = games.filter((game) => game.contest === contest.name);
      const values = new Map(
        [...Map.groupBy(played, ({ entrant }) => entrant).entries()].map(([entrant, own]) => [
          entrant,
          own.toSorted((a, b) => a.seed - b.seed).map((game) => spent(game, measure, contest)),
        ]),
      );
      const ours = values.get(DEFAULT);
      const others = [...values.entries()].filter(([entrant]) => entrant !== DEFAULT);
      const arriving = others.filter(([entrant]) => shareReached(played, entrant) > 0.5);
      const compared =
        arriving.length > 0 ? arriving : others.filter(([entrant]) => shareReached(played, entrant) > 0);
      const [best] = compared.toSorted(([, a], [, b]) => mean(a) - mean(b));
      if (ours === undefined || best === undefined) return [];
      const [name, theirs] = best;
      const differences = ours.map((value, i) => value - (theirs[i] ?? Number.NaN));
      const difference = interval(differences);
      return [
        {
          contest: contest.name,
          measure,
          best: name,
          ratio: mean(ours) / mean(theirs),
          difference,
          p: chanceOf(differences),
          outcome: difference.high < 0 ? "wins" : difference.low > 0 ? "loses" : "even",
        } as const,
      ];
    }),
  );
}

/** Of its seeds, the share with which it reaches the target. */
function shareReached(games: readonly Game[], entrant: string): number {
  const own = games.filter((game) => game.entrant === entrant);
  return own.filter(({ reached }) => reached !== null).length / own.length;
}

/** O(resamples × values). The same values give the same interval. */
export function interval(values: readonly number[]): Interval {
  const random = randomFrom("league interval", values.length);
  const means = Array.from({ length: RESAMPLES }, () =>
    mean(values.map(() => values[Math.floor(random.next() * values.length)] ?? Number.NaN)),
  );
  return { mean: mean(values), low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Differences of so many pairs at most are exchanged one by one; of more, as many are drawn. */
const EXACT_PAIRS = 12;

/**
 * The share of all exchanges of signs that make a mean at least as far from 0 (Fisher's test of paired
 * differences): two-sided, and never below 2 in 2^n.
 */
export function chanceOf(differences: readonly number[]): number {
  const observed = Math.abs(mean(differences)) - 1e-12;
  const count = differences.length;
  const random = randomFrom("league chance", count);
  const trials = 2 ** Math.min(count, EXACT_PAIRS);
  let extreme = 0;
  for (let trial = 0; trial < trials; trial++) {
    const signed = differences.map((value, i) => {
      const isTurned = count > EXACT_PAIRS ? random.next() < 0.5 : ((trial >> i) & 1) === 1;
      return isTurned ? -value : value;
    });
    if (Math.abs(mean(signed)) >= observed) extreme++;
  }
  return extreme / trials;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
