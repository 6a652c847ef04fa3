// Following a run: which of its rounds are looked at again, and what a follower remembers in between.
import type { RoundFigures } from "../schemas/figures.ts";

/** Rounds that one look reads at most. */
export const ROUNDS_SEEN = 20;

/** Those that a first look begins with: before them, a series has the rounds. */
const FIRST_ROUNDS = 2;

/**
 * Clocks of functions differ, and a transaction may be tried for some seconds: invocations are looked up from
 * so long before the newest one that is known.
 */
export const CHANGE_MARGIN_MS = 5_000;

/** What a follower has seen. */
export interface Seen {
  /** The first round that may still change. */
  readonly from: number;
  /** The round whose invocations it has; 0 for none. */
  readonly round: number;
  /** The `updatedAt` of the newest of them, in ms since 1970; 0 for none. */
  readonly newestMs: number;
}

/** The first round to read, of a run whose last round is `last`. */
export function firstRoundOfLook(seen: Seen | null, last: number): number {
  const wanted = Math.min(seen?.from ?? last, last - FIRST_ROUNDS + 1);
  return Math.max(1, last - ROUNDS_SEEN + 1, wanted);
}

/**
 * The rounds whose invocations are to be read: the last one, and the one before where the follower has seen
 * that one only; before the next round opens, all marks of a round are made.
 */
export function roundsOfInvocations(seen: Seen | null, last: number): readonly number[] {
  if (last === 0) return [];
  return seen !== null && seen.round === last - 1 && seen.round > 0 ? [seen.round, last] : [last];
}

/** Whether what a round shows can only change in its costs, by calls that went on after it. */
export function isSettled({ status, closedAt, followedUp, ...round }: ScoredRound): boolean {
  if (status === "cancelled") return true;
  const isScored = round.newVersion === null || round.loss !== null || round.unscoredReason !== null;
  return closedAt !== null && followedUp && isScored;
}

type ScoredRound = Pick<
  RoundFigures,
  "status" | "closedAt" | "followedUp" | "newVersion" | "loss" | "unscoredReason"
>;

/** The first round that may still change; the one after `last` where none may. */
export function firstUnsettled(rounds: readonly (ScoredRound & { readonly round: number })[], last: number) {
  return rounds.find((round) => !isSettled(round))?.round ?? last + 1;
}
