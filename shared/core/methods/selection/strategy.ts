// The seam of client selection: a strategy chooses the cohort of a round and says why, for every client it
// considered.
import type * as z from "zod";
import type { Random } from "../../random.ts";
import type { Pace } from "../../schemas/pace.ts";
import type { CohortGroup } from "../../schemas/round.ts";

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
  /**
   * A client that may still be working is busy before this instant (exclusive); null when it is known to be
   * free.
   */
  readonly busyUntilMs: number | null;
  /** When its latest report came; null or absent where that is not known. */
  readonly lastSeenMs?: number | null;
  /**
   * The newest values of the signals that the strategy reads, as the client's reports brought them; those it
   * never reported are missing.
   */
  readonly signals?: Readonly<Record<string, number>>;
  /** Its share of each label, as `keptShares` writes it, where a relay asks for it and its owner allows it. */
  readonly labelShares?: string;
  /** How fast it trains, where the run sizes work. */
  readonly pace?: Pace;
  /**
   * Why it cannot take part, and since which round. Strategies are not given such clients: see
   * `sittingOut.ts`.
   */
  readonly cannot?: { readonly reason: string; readonly round: number };
}

export interface SelectionInput<Options = unknown, State = unknown> {
  /** The round to choose for, from 1. */
  readonly round: number;
  /** Wanted size of the cohort, at least 1. */
  readonly cohortSize: number;
  /** Every client of the run, in any order, each id once. */
  readonly clients: readonly RosterEntry[];
  readonly nowMs: number;
  /** Rounds that the run is to have. Where absent, a strategy that changes over a run takes it as endless. */
  readonly totalRounds?: number;
  /**
   * What the strategy kept when the run's last round was opened; null or absent before the first, and where
   * it cannot be read.
   */
  readonly state?: State | null;
  /** An invocation that lasts longer is too late for its round; null or absent where none is. */
  readonly lateAfterMs?: number | null;
  /** The strategy's own member of the run spec's `selection`. */
  readonly options: Options;
}

/** Why a client was chosen or left out. */
export interface Consideration {
  readonly clientId: string;
  readonly chosen: boolean;
  /** rookie, participant or straggler, where the strategy distinguishes them. */
  readonly tier?: string;
  /** How long its invocation should take, cold start included, where the strategy predicts it. */
  readonly predictedMs?: number;
  /** The name of its group among the selection's `groups`, where the strategy makes any. */
  readonly group?: string;
  /** In words, for people. */
  readonly reason: string;
  /** Place among the chosen, from 1; null when not chosen. */
  readonly rank: number | null;
}

export interface Selection<State = unknown> {
  /** Ids in ascending order: `cohortSize` of them, or as many as are free. */
  readonly cohort: readonly string[];
  /** Every client given, by ascending id. */
  readonly considered: readonly Consideration[];
  /**
   * What it chose from, those preferred first, where the strategy makes groups: at most `MAX_GROUPS`. For
   * people to read.
   */
  readonly groups?: readonly CohortGroup[];
  /**
   * What the strategy keeps for the run's next selection: a JSON value that its `state` schema takes, of at
   * most `MAX_STATE_BYTES` as JSON. Written with the round; nothing is kept where it is null or absent.
   */
  readonly state?: State | null;
}

/**
 * Chooses the cohort of one round.
 *
 * A strategy MUST leave out busy clients (unless its options ask for published behaviour that does not), MUST
 * fill the cohort as far as free clients allow, MUST give the same answer for the same roster in any order
 * and the same `random`, and MUST NOT change its input. What it remembers is in its answer's `state` and
 * nowhere else: a round may be chosen for several times before it is opened. It throws `invalid-argument` for
 * a cohort size below 1 and for an id given twice.
 */
export type Select<Options, State = never> = (
  input: SelectionInput<Options, State>,
  random: Random,
) => Selection<State>;

/** What a selection strategy does; its face says what a spec may ask of it. */
export interface Strategy<Options, State = never> {
  /** What it keeps from round to round, where it keeps anything. */
  readonly state?: z.ZodType<State>;
  /**
   * Names of the signals that it reads, at most `MAX_SIGNALS_READ`; the roster keeps no others. None where
   * absent.
   */
  readonly signals?: readonly string[];
  readonly select: Select<Options, State>;
}
