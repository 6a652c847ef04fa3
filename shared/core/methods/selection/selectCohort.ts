// Asks a run's strategy for the cohort of a round: what every caller tells it, told once.
import { randomFrom } from "../../random.ts";
import type { Run } from "../../schemas/run.ts";
import { invitedCount } from "./cohortOptions.ts";
import { strategyOf } from "./index.ts";
import { lateAfterMs } from "./late.ts";
import type { RosterEntry, Selection } from "./strategy.ts";

export interface Candidates {
  /** Every client of the run, as the round before left them. */
  readonly roster: readonly RosterEntry[];
  /** What the run's last selection answered as `clusteringSince`. */
  readonly clusteringSince: number | null;
  /** Most clients that a round may invite beside `cohortSize`. */
  readonly limit: number;
}

/** The same run, round, candidates and moment give the same answer. Throws as the strategy does. */
export function selectCohort(
  { spec }: Pick<Run, "spec">,
  round: number,
  { roster, clusteringSince, limit }: Candidates,
  nowMs: number,
): Selection {
  const options = spec.selection;
  const input = {
    round,
    cohortSize: invitedCount(options, limit),
    clients: roster,
    nowMs,
    totalRounds: spec.stop.rounds,
    clusteringSince,
    lateAfterMs: lateAfterMs(spec.round),
    options,
  };
  return strategyOf(options)(input, randomFrom(spec.seed, round, "selection"));
}
