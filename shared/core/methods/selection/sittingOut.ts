// Clients that cannot train for a run sit out some of its rounds, whatever its strategy: they would fail each
// of them.
import { reasonText } from "../../failureReasons.ts";
import type { Consideration, RosterEntry } from "./strategy.ts";

/**
 * Rounds that a client sits out after it has said why it cannot take part, unless its registration changes or
 * a check ends: then it is tried again at once. One that was put right without a word to us loses no more.
 */
export const SITS_OUT_ROUNDS = 5;

interface Seated {
  /** Those that a strategy chooses from, in the order given. */
  readonly able: readonly RosterEntry[];
  readonly sittingOut: readonly Consideration[];
}

/** @param round to choose for, from 1. */
export function withoutSittingOut(roster: readonly RosterEntry[], round: number): Seated {
  // Most rounds of most runs have none, and there may be 100,000 clients.
  if (!roster.some((entry) => isSittingOut(entry, round))) return { able: roster, sittingOut: [] };
  return {
    able: roster.filter((entry) => !isSittingOut(entry, round)),
    sittingOut: roster.flatMap(({ clientId, cannot }) =>
      cannot === undefined || !isSittingOut({ cannot }, round)
        ? []
        : [{ clientId, chosen: false, rank: null, reason: reasonOf(cannot) }],
    ),
  };
}

function isSittingOut({ cannot }: Pick<RosterEntry, "cannot">, round: number): boolean {
  return cannot !== undefined && round <= cannot.round + SITS_OUT_ROUNDS;
}

function reasonOf({ reason, round }: NonNullable<RosterEntry["cannot"]>): string {
  return `left out until round ${round + SITS_OUT_ROUNDS}, a check of the client, or another registration: ${reasonText(reason)} (${reason})`;
}
