// Rounds of a run whose clients are in tiers, as in FedAT: each closes with the updates of one tier, whose
// cohort has answered; who is at work for another tier goes on. See docs/decisions/0030.

import type { FoldedTier } from "../methods/aggregation/aggregationMethod.ts";
import { tierWeights } from "../methods/aggregation/fedat/index.ts";
import { isUsable } from "../methods/aggregation/staleness.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { CarriedInvocation, Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { invocationKey, listedIn } from "./buffered.ts";

type Listed = Parameters<typeof listedIn>[0];

export function isTiered({ tiers }: Pick<Round, "tiers">): boolean {
  return tiers !== undefined;
}

/** The tiers that these are at work for, or whose updates wait, ascending; each once. */
export function tiersAtWork(carried: readonly CarriedInvocation[] | undefined): readonly number[] {
  return [...new Set((carried ?? []).flatMap(({ tier }) => tier ?? []))].sort((a, b) => a - b);
}

/** A tier whose cohort is over, and has brought updates. */
export interface DueTier {
  readonly tier: number;
  /** Whether a client was silent until its own deadline. */
  readonly isOverdue: boolean;
}

/**
 * The tier that a round is to close with: one whose clients have all answered, or come to their own deadline,
 * with an update at least. Of several the one whose clients were invited first, then the fastest; null where
 * there is none.
 *
 * @param invocations those that the round lists; one that cannot be read is silent.
 */
export function dueTier(
  round: Listed,
  invocations: readonly Pick<Invocation, "round" | "clientId" | "status">[],
  nowMs: number,
): DueTier | null {
  const statuses = new Map(invocations.map((one) => [invocationKey(one), one.status]));
  const due = cohortsOf(round).flatMap(({ tier, invitedIn, members }) => {
    const [isIn, isSilent] = [
      members.filter((one) => isUpdate(statuses.get(invocationKey(one)))),
      members.filter((one) => isAtWork(statuses.get(invocationKey(one)))),
    ];
    const isOver = isSilent.every(({ dueAt }) => dueAt <= nowMs);
    return isOver && isIn.length > 0 ? [{ tier, invitedIn, isOverdue: isSilent.length > 0 }] : [];
  });
  const [first] = due.sort((a, b) => a.invitedIn - b.invitedIn || a.tier - b.tier);
  return first === undefined ? null : { tier: first.tier, isOverdue: first.isOverdue };
}

function isUpdate(status: Invocation["status"] | undefined): boolean {
  return status === "reported" || status === "late";
}

function isAtWork(status: Invocation["status"] | undefined): boolean {
  return status === undefined || status === "invoked" || status === "training";
}

/**
 * Whether a tier may be due, by counts alone, so that hardly any report has to look at each invocation. Never
 * false where one is: no round opens before all marks of the one before are made, and clients of one round
 * have one deadline, so that a round that this one awaits has no others at work before it is over.
 *
 * @param atWork of each round that this one awaits, how many of its invocations have not answered.
 */
export function mayBeDue(round: Listed, atWork: ReadonlyMap<number, number>, nowMs: number): boolean {
  const byRound = Map.groupBy(cohortsOf(round), ({ invitedIn }) => invitedIn);
  return [...byRound].some(([number, cohorts]) => {
    const members = cohorts.flatMap((one) => one.members);
    if (members.some(({ dueAt }) => dueAt <= nowMs)) return true;
    const answered = members.length - (atWork.get(number) ?? 0);
    return answered >= Math.min(...cohorts.map((one) => one.members.length));
  });
}

interface Cohort {
  readonly tier: number;
  readonly invitedIn: number;
  readonly members: readonly CarriedInvocation[];
}

function cohortsOf(round: Listed): readonly Cohort[] {
  const byTier = Map.groupBy(listedIn(round), ({ tier = 0 }) => tier);
  return [...byTier].map(([tier, members]) => ({
    tier,
    invitedIn: Math.min(...members.map((one) => one.round)),
    members,
  }));
}

/** Those of these invocations whose updates a round folds: all, or those of the tier that it closed with. */
export function foldedIn(round: Round, invocations: readonly Invocation[]): readonly Invocation[] {
  if (!isTiered(round)) return invocations;
  const own = new Set(
    listedIn(round)
      .filter(({ tier }) => tier !== undefined && tier === round.tier)
      .map(invocationKey),
  );
  return invocations.filter((invocation) => own.has(invocationKey(invocation)));
}

type MadeByTiers = NonNullable<Run["tiers"]>;

/** What the tiers have made, with one more version of this tier, by this round. */
export function withVersionOf(tier: number, round: number, made: Readonly<MadeByTiers> = []): MadeByTiers {
  return Array.from({ length: Math.max(tier, made.length) }, (_, i) => {
    const known = made[i] ?? { versions: 0, round: null };
    return i === tier - 1 ? { versions: known.versions + 1, round } : known;
  });
}

/**
 * Without one version of this tier, which turned out to be of no use. One that has no other has no model:
 * the state of the version that the run goes on from does not have it.
 */
export function withoutVersionOf(tier: number, made: Readonly<MadeByTiers>): MadeByTiers {
  return made.map((one, i) => (i === tier - 1 ? { ...one, versions: Math.max(0, one.versions - 1) } : one));
}

/**
 * What a fold has to know of the tier whose updates it folds; undefined where the run has none. The model of
 * a tier that has made none for so long that an update would expire counts no more: where a tier is gone, it
 * would hold the others back for ever.
 */
export function tierOfFold({ spec, tiers }: Run, { tier, round }: Round): FoldedTier | undefined {
  if (tier === undefined) return undefined;
  const { maxRounds } = spec.aggregation.staleness;
  const counts = withVersionOf(tier, round, tiers).map(({ versions, round: last }) =>
    last !== null && isUsable(round - last, maxRounds) ? versions : 0,
  );
  return { number: tier, weights: tierWeights(counts) };
}
