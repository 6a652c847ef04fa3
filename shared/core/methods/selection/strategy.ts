// The seam of client selection: a strategy chooses the cohort of a round and says why, for every client it considered.
import type { Random } from "../../random.ts";
import type { ClusterSummary } from "./clusterSummary.ts";

/** What is known of a client's behaviour in this run. Rounds count from 1; histories are oldest first. */
export interface RosterEntry {
  readonly clientId: string;
  /** Work of finished invocations without their cold starts, in ms. */
  readonly trainMsHistory: readonly number[];
  /** Cold starts of those that had one, in ms. */
  readonly coldStartMsHistory?: readonly number[];
  /** Rounds it was invoked in and not heard from, ascending. */
  readonly missedRounds: readonly number[];
  /** Rounds it sits out after its last miss; 0 after an update in time. */
  readonly cooldownRounds: number;
  readonly invocations: number;
  readonly lastSelectedRound: number | null;
  /** A client that may still be working is busy before this instant (exclusive); null when it is known to be free. */
  readonly busyUntilMs: number | null;
  /** When its latest report came; null or absent where that is not known. */
  readonly lastSeenMs?: number | null;
}

export interface SelectionInput<Options = unknown> {
  /** The round to choose for, from 1. */
  readonly round: number;
  /** Wanted size of the cohort, at least 1. */
  readonly cohortSize: number;
  /** Every client of the run, in any order, each id once. */
  readonly clients: readonly RosterEntry[];
  readonly nowMs: number;
  /** Rounds that the run shall have. A strategy that changes over a run takes it as endless without. */
  readonly totalRounds?: number;
  /** What the run's last selection answered as `clusteringSince`; null or absent before the first. */
  readonly clusteringSince?: number | null;
  /** An invocation that lasts longer is too late for its round; null or absent where none is. */
  readonly lateAfterMs?: number | null;
  /** The strategy's own member of the run spec's `selection`. */
  readonly options: Options;
}

/** Why a client was chosen or left out. */
export interface Consideration {
  readonly clientId: string;
  readonly chosen: boolean;
  /** rookie, participant or straggler, where the strategy tells them apart. */
  readonly tier?: string;
  /** How long its invocation should take, cold start included, where the strategy predicts it. */
  readonly predictedMs?: number;
  /** Place of its cluster, from 1, the fastest first, where the strategy makes clusters. */
  readonly cluster?: number;
  /** In words, for people. */
  readonly reason: string;
  /** Place among the chosen, from 1; null when not chosen. */
  readonly rank: number | null;
}

export interface Selection {
  /** Ids in ascending order: `cohortSize` of them, or as many as are free. */
  readonly cohort: readonly string[];
  /** Every client given, by ascending id. */
  readonly considered: readonly Consideration[];
  /** The clusters it chose from, the fastest first, where the strategy makes any. */
  readonly clusters?: readonly ClusterSummary[];
  /** The first round of the run that chose from clusters: input of the next selection. Null where none has yet. */
  readonly clusteringSince?: number | null;
}

/**
 * Chooses the cohort of one round.
 *
 * A strategy MUST leave out busy clients (unless its options ask for published behaviour that does not), MUST fill the
 * cohort as far as free clients allow, MUST give the same answer for the same roster in any order and the same `random`,
 * and MUST NOT change its input. It throws `invalid-argument` for a cohort size below 1 and for an id given twice.
 */
export type Select<Options> = (input: SelectionInput<Options>, random: Random) => Selection;
