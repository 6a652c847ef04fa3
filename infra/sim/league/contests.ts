// What the league is played in: scenarios of infra/sim/scenarios/league, each with an accuracy to reach and a
// time to do it in: as trial runs showed, what most methods reach in most of the time.

export interface Contest {
  /** The scenario's name below `league/`. */
  readonly name: string;
  /** The share of clients that straggle. */
  readonly stragglers: number;
  readonly targetAccuracy: number;
  readonly budgetMinutes: number;
  /** What a client trains on, in the place of what the scenario says. */
  readonly work?: { readonly samplesPerClient: number; readonly localEpochs: number } | undefined;
}

export const contests: readonly Contest[] = [
  { name: "crash", stragglers: 0.3, targetAccuracy: 0.68, budgetMinutes: 24 },
  { name: "slow", stragglers: 0.3, targetAccuracy: 0.68, budgetMinutes: 24 },
  { name: "flaky", stragglers: 0.5, targetAccuracy: 0.68, budgetMinutes: 24 },
  { name: "day-night", stragglers: 0.3, targetAccuracy: 0.68, budgetMinutes: 24 },
  { name: "skew", stragglers: 0.3, targetAccuracy: 0.58, budgetMinutes: 24 },
  { name: "attacked", stragglers: 0, targetAccuracy: 0.65, budgetMinutes: 24 },
];

/** Half of the time, and three quarters of the accuracy: what most methods reach in it with that work. */
const [TIME_SHARE, ACCURACY_SHARE] = [1 / 2, 3 / 4];
/** A quarter of the scenarios' steps; in the time of the simulation a client takes as long as with all of them. */
const LIGHT_WORK = { samplesPerClient: 100, localEpochs: 1 };

/** The contest for a look that must not take long. */
export function shortened(contest: Contest): Contest {
  return {
    ...contest,
    budgetMinutes: Math.round(TIME_SHARE * contest.budgetMinutes),
    targetAccuracy: Number((ACCURACY_SHARE * contest.targetAccuracy).toFixed(2)),
    work: LIGHT_WORK,
  };
}
