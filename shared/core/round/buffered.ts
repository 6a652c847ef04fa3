// Buffered rounds: a round closes as soon as so many updates are in, whichever round they were invited in,
// and who is still training then goes on. See docs/decisions/0024-buffered-rounds.md. Those of a run in tiers
// are of this kind; see tiers.ts.
import { tiersOf } from "../methods/aggregation/tiersOf.ts";
import type { WorkedOn } from "../roster/reports.ts";
import type { CarriedInvocation, Round } from "../schemas/round.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";

type Listed = Pick<Round, "round" | "cohort" | "carried" | "deadlineAt" | "tiers">;

/** Whether the rounds of a run are buffered. */
export function hasBufferedRounds(spec: Pick<StoredRunSpec, "round" | "aggregation">): boolean {
  return spec.round.buffer !== undefined || tiersOf(spec) !== null;
}

export function isBuffered({ carried }: Pick<Round, "carried">): boolean {
  return carried !== undefined;
}

/** What identifies an invocation of a run. */
export function invocationKey({ round, clientId }: WorkedOn): string {
  return `${round}/${clientId}`;
}

/** The invocations that a round waits for: those carried into it, and its own. */
export function listedIn({
  round,
  cohort,
  carried = [],
  deadlineAt,
  tiers = [],
}: Listed): readonly CarriedInvocation[] {
  const tierOf = new Map(tiers.flatMap(({ tier, members }) => members.map((id) => [id, { tier }] as const)));
  const own = cohort.map((clientId) => ({ round, clientId, dueAt: deadlineAt, ...tierOf.get(clientId) }));
  return [...carried, ...own];
}

/**
 * The invocations that go on when the round after this one opens: what this one, once published, has not
 * decided. Undefined where rounds are not buffered.
 *
 * @param last the round before, published; null before the first.
 */
export function carriedFrom(
  spec: Pick<StoredRunSpec, "round" | "aggregation">,
  last: Round | null,
): readonly CarriedInvocation[] | undefined {
  if (!hasBufferedRounds(spec)) return undefined;
  if (last === null) return [];
  const decided = new Set(last.outcomes.filter(({ result }) => result !== "goes-on").map(invocationKey));
  return listedIn(last).filter((one) => !decided.has(invocationKey(one)));
}

/**
 * How many of the clients that may be at work at a time are: those carried on whose clients are not free yet.
 *
 * @param busy what clients are at work on, as far as is known.
 */
export function placesTaken(
  carried: readonly CarriedInvocation[] | undefined,
  busy: readonly WorkedOn[],
): number {
  if (carried === undefined || carried.length === 0) return 0;
  const atWork = new Set(busy.map(invocationKey));
  return carried.filter((one) => atWork.has(invocationKey(one))).length;
}

/** The rounds whose invocations a round waits for, each once, ascending: its own is the last. */
export function roundsAwaited({ round, carried = [] }: Pick<Round, "round" | "carried">): readonly number[] {
  return [...new Set([...carried.map((one) => one.round), round])].sort((a, b) => a - b);
}

/**
 * Whether clients of a round that has stopped waiting may claim all the same: in a buffered run until their
 * own deadline, which is that of the round they were invited in.
 */
export function isOpenToClaims(
  round: Pick<Round, "status" | "carried" | "deadlineAt">,
  nowMs: number,
): boolean {
  if (round.status === "training") return true;
  return isBuffered(round) && round.status !== "cancelled" && nowMs < round.deadlineAt;
}
