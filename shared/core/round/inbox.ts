// What a round folds: the updates that wait when the first of its aggregators begins. They are fixed before
// the fold, so that every aggregator of the round, whatever becomes of the others, folds the same updates to
// the same bytes.

import type { Invocation, InvocationStatus } from "../schemas/invocation.ts";
import type { Round, UpdateId } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { isBuffered } from "./buffered.ts";
import { foldedIn } from "./tiers.ts";

/**
 * Late updates that one round takes. With a full cohort beside them, its document stays below Firestore's 1
 * MiB.
 */
export const MAX_LATE = 1_000;

/**
 * Invocations of earlier rounds with these statuses have reported late, or in time for a round that was
 * degraded.
 */
export const LATE_STATUSES: readonly InvocationStatus[] = ["reported", "late", "expired"];

export function updateKey(update: UpdateId): string {
  return `${update.round}/${update.clientId}/${update.attempt}`;
}

/** The update that an invocation's report points at, or null when it reported none. */
export function updateOf(invocation: Invocation): UpdateId | null {
  if (invocation.update === null) return null;
  return { round: invocation.round, clientId: invocation.clientId, attempt: invocation.update.attempt };
}

/**
 * The earlier rounds, ascending, whose updates a round takes in; those of the first of them only to expire
 * them.
 */
export function roundsInReach(run: Run, round: number): readonly number[] {
  const { maxRounds } = run.spec.aggregation.staleness;
  const first = Math.max(1, round - maxRounds - 1);
  return Array.from({ length: round - first }, (_, index) => first + index);
}

/**
 * The updates that a round takes in: all of its own and up to `MAX_LATE` of earlier rounds, the oldest first,
 * less those an earlier round has settled already (its marks may be unfinished). In the order of the fold:
 * client name, then round. Of a run in tiers those of the tier that the round closed with.
 */
export function inputsOf(
  round: Round,
  invocations: readonly Invocation[],
  earlierRounds: readonly Round[],
): readonly UpdateId[] {
  const folded = foldedIn(round, invocations);
  const waiting = waitingOf(folded, earlierRounds).flatMap((invocation) => updateOf(invocation) ?? []);
  const late = waiting
    .filter((update) => update.round !== round.round)
    .sort((a, b) => a.round - b.round || order(a, b));
  const own = waiting.filter((update) => update.round === round.round);
  return [...own, ...late.slice(0, MAX_LATE)].sort((a, b) => order(a, b) || a.round - b.round);
}

/** The round with what it folds fixed; the first to fix it decides. */
export function fixInputs(round: Round, inputs: readonly UpdateId[]): Round {
  return round.status !== "aggregating" || round.inputs !== null ? round : { ...round, inputs: [...inputs] };
}

/**
 * Of a buffered round: all that it carries, as it decides what becomes of them. Of any other: of the
 * invocations of earlier rounds, those that were counted as missed and have reported since: their
 * times are learned, their costs charged and their misses forgiven, once.
 *
 * @param earlierRounds in ascending order.
 */
export function newlyLate(
  invocations: readonly Invocation[],
  round: Round,
  earlierRounds: readonly Round[],
): readonly Invocation[] {
  if (isBuffered(round)) return invocations.filter((invocation) => invocation.round !== round.round);
  const last = new Map(
    earlierRounds.flatMap(({ outcomes }) =>
      outcomes.map((outcome) => [`${outcome.round}/${outcome.clientId}`, outcome.result] as const),
    ),
  );
  return invocations
    .filter(
      (invocation) =>
        invocation.round !== round.round &&
        LATE_STATUSES.includes(invocation.status) &&
        last.get(`${invocation.round}/${invocation.clientId}`) === "missed",
    )
    .sort((a, b) => a.round - b.round || order(a, b))
    .slice(0, MAX_LATE);
}

function waitingOf(
  invocations: readonly Invocation[],
  earlierRounds: readonly Round[],
): readonly Invocation[] {
  const settled = new Set(
    earlierRounds.flatMap((round) => [...round.consumed.map(updateKey), ...round.dropped.map(updateKey)]),
  );
  return invocations.filter((invocation) => {
    if (invocation.status !== "reported" && invocation.status !== "late") return false;
    const update = updateOf(invocation);
    return update !== null && !settled.has(updateKey(update));
  });
}

function order(a: { readonly clientId: string }, b: { readonly clientId: string }): number {
  return a.clientId < b.clientId ? -1 : a.clientId > b.clientId ? 1 : 0;
}
