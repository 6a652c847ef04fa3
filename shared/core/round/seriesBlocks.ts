// Blocks of a run's series: which rounds each has, and when one is as it stays.
import { SERIES_ROUNDS } from "../schemas/ids.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { isSettled } from "./live.ts";
import { isLeftBehind } from "./sweep.ts";

/** The block of a round. */
export function blockOf(round: number): number {
  return Math.floor((round - 1) / SERIES_ROUNDS);
}

/** The first and the last round of a block, both inclusive. */
export function roundsOfBlock(block: number): { readonly from: number; readonly to: number } {
  return { from: block * SERIES_ROUNDS + 1, to: (block + 1) * SERIES_ROUNDS };
}

/** The last block that no further round joins, of a run that goes on; null where there is none. */
export function lastFullBlock({ round }: Pick<Run, "round">): number | null {
  const full = Math.floor(Math.max(0, round - 1) / SERIES_ROUNDS);
  return full === 0 ? null : full - 1;
}

/**
 * Whether the rounds up to this one are as they stay, of a run that goes on: all late updates have come or
 * are too late, all calls are over, and a round that opened since has settled what they cost.
 *
 * @param unscored the rounds of the run that wait for a score.
 */
export function staysAsItIs(
  run: Run,
  round: Round,
  unscored: readonly Pick<Round, "round">[],
  nowMs: number,
): boolean {
  return (
    isSettled(round) && !isLeftBehind(run, round, nowMs) && unscored.every((one) => one.round > round.round)
  );
}
