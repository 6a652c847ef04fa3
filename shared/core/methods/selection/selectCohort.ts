// Asks a run's strategy for the cohort of a round: with the input that all callers share.
import { randomFrom } from "../../random.ts";
import type { Run } from "../../schemas/run.ts";
import { tiersOf } from "../aggregation/tiersOf.ts";
import { selectByTier, type TierCohort } from "./byTier.ts";
import { invitedCount } from "./cohortOptions.ts";
import { strategyOf } from "./index.ts";
import { lateAfterMs } from "./late.ts";
import { isPublished, type SelectionOptions } from "./options.ts";
import { withoutSittingOut } from "./sittingOut.ts";
import { readState, writeState } from "./state.ts";
import type { Consideration, RosterEntry, Selection, Strategy } from "./strategy.ts";

export interface Candidates {
  /** Every client of the run, as the round before left them. */
  readonly roster: readonly RosterEntry[];
  /** `selectionState` of the run's last round; null before the first. */
  readonly state: string | null;
  /** Most clients that a round may invite beside `cohortSize`. */
  readonly limit: number;
  /** Of a buffered run: clients at work, whose places are taken; none where absent. */
  readonly placesTaken?: number;
  /** Of a run in tiers: those that a cohort is at work for; none where absent. */
  readonly tiersAtWork?: readonly number[];
}

/** A selection as a round is made of it. */
export interface ChosenSelection extends Omit<Selection, "state"> {
  /** The round's `selectionState`. */
  readonly state: string | null;
  /** Names of the signals that the strategy reads. */
  readonly signals: readonly string[];
  /** Clients that the strategy was not asked about, because they cannot train. */
  readonly sittingOut: readonly Consideration[];
  /** Why the state of the round before could not be used; null where it could. */
  readonly stateProblem: string | null;
  /** Of a run in tiers: the cohort by tier. */
  readonly tiers?: readonly TierCohort[];
}

/**
 * The same run, round, candidates and moment give the same answer. Throws as the strategy does, and
 * FlError("internal") where it keeps more than a round takes.
 */
export function selectCohort(
  run: Pick<Run, "spec">,
  round: number,
  candidates: Candidates,
  nowMs: number,
): ChosenSelection {
  return selectBy(strategyOf(run.spec.selection), run, round, candidates, nowMs);
}

/** `selectCohort` by any strategy that takes the options of the run's. */
export function selectBy(
  strategy: Strategy<SelectionOptions, unknown>,
  { spec }: Pick<Run, "spec">,
  round: number,
  { roster, state: kept, limit, placesTaken = 0, tiersAtWork = [] }: Candidates,
  nowMs: number,
): ChosenSelection {
  const options = spec.selection;
  // What was published knows nothing of clients that cannot.
  const { able, sittingOut } = isPublished(options)
    ? { able: roster, sittingOut: [] }
    : withoutSittingOut(roster, round);
  const count = tiersOf(spec);
  // Each tier has places of its own.
  const cohortSize = invitedCount(options, limit) - (count === null ? placesTaken : 0);
  const signals = strategy.signals ?? [];
  if (cohortSize < 1) {
    return { cohort: [], considered: [], sittingOut: [], state: kept, signals, stateProblem: null };
  }
  const { state, problem } = readState(strategy.state, kept);
  const input = {
    round,
    cohortSize,
    clients: able,
    nowMs,
    totalRounds: spec.stop.rounds,
    state,
    lateAfterMs: lateAfterMs(spec.round),
    options,
  };
  const randomOf = (...more: readonly number[]) => randomFrom(spec.seed, round, "selection", ...more);
  const selection: Selection & Pick<ChosenSelection, "tiers"> =
    count === null
      ? strategy.select(input, randomOf())
      : selectByTier(strategy, input, { count, atWork: tiersAtWork, random: (tier) => randomOf(tier) });
  return {
    ...selection,
    // First, as a round's document has room for some reasons only, and these are for people to act on.
    considered: [...sittingOut, ...selection.considered],
    sittingOut,
    state: writeState(options.strategy, selection.state),
    signals,
    stateProblem: problem,
  };
}
