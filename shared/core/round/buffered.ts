// Buffered rounds: a round closes as soon as so many updates are in, whichever round they were invited in,
// and who is still training then goes on. See docs/decisions/0024-buffered-rounds.md.
import type { WorkedOn } from "../roster/reports.ts";
import type { CarriedInvocation, Round } from "../schemas/round.ts";

type Listed = Pick<Round, "round" | "cohort" | "carried" | "deadlineAt">;

export function isBuffered({ carried }: Pick<Round, "carried">): boolean {
  return carried !== undefined;
}

/** What identifies an invocation of a run. */
export function invocationKey({ round, clientId }: WorkedOn): string {
  return `${round}/${clientId}`;
}

/** The invocations that a round waits for: those carried into it, and its own. */
export function listedIn({ round, cohort, carried = [], deadlineAt }: Listed): readonly CarriedInvocation[] {
  return [...carried, ...cohort.map((clientId) => ({ round, clientId, dueAt: deadlineAt }))];
}

/**
 * The invocations that go on when the round after this one opens: what this one, once published, has not
 * decided. Undefined where rounds are not buffered.
 *
 * @param last the round before, published; null before the first.
 */
export function carriedFrom(
  spec: { readonly round: { readonly buffer?: unknown } },
  last: Round | null,
): readonly CarriedInvocation[] | undefined {
  if (spec.round.buffer === undefined) return undefined;
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
