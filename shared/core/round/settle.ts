// Settling costs: what clients' calls came to that no round was charged for, once they are over.
import { unansweredCost } from "../cost/clientCall.ts";
import { sumUsd } from "../cost/cost.ts";
import type { PriceTable } from "../cost/prices.ts";
import { LOOK_BACK_MS } from "../roster/enrol.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { charge } from "./charge.ts";
import { atWorkUntil } from "./sweep.ts";

/**
 * What an invocation has cost beyond what rounds were charged for it, in USD: its report came when no round
 * took it in any more, or its call went on without one. 0 where all of it is charged.
 */
export function unchargedUsd(invocation: Invocation, nowMs: number, prices: PriceTable): number {
  const { reportedAt, costUsd, chargedUsd } = invocation;
  const owedUsd =
    reportedAt === null ? Math.max(costUsd ?? 0, unansweredCost(invocation, nowMs, prices)) : (costUsd ?? 0);
  return Math.max(0, sumUsd([owedUsd, -chargedUsd]));
}

/**
 * Whether a client's call can have come to its end since the round before the one that opens now: then its
 * costs are known, and settled once, however long the run goes on.
 *
 * @param busyUntilMs as the roster has it.
 * @param openedAt of the round before, which was looked at up to `LOOK_BACK_MS` earlier.
 */
export function hasJustEnded(busyUntilMs: number | null, openedAt: number, nowMs: number): boolean {
  return busyUntilMs !== null && busyUntilMs > openedAt - LOOK_BACK_MS && busyUntilMs <= nowMs;
}

/**
 * Whether an invocation whose round is over can cost no more than is known now: it has reported, its call was
 * seen to be over, or its function's time-out has passed.
 */
function isOver(invocation: Invocation, nowMs: number): boolean {
  return (
    invocation.reportedAt !== null || invocation.endedAt !== null || atWorkUntil(invocation, nowMs) === null
  );
}

/** Whether `settle` has something to charge for an invocation of a round that was published. */
export function owes(invocation: Invocation, nowMs: number, prices: PriceTable): boolean {
  return isOver(invocation, nowMs) && restUsd(invocation, nowMs, prices) > 0;
}

/** No round waits for a call that was never claimed: it is charged to its end. */
function restUsd(invocation: Invocation, nowMs: number, prices: PriceTable): number {
  const { claimedAt, callUntilAt } = invocation;
  const untilMs = claimedAt === null ? Math.max(nowMs, callUntilAt ?? nowMs) : nowMs;
  return unchargedUsd(invocation, untilMs, prices);
}

/**
 * The run, the round and the invocation with the rest of its costs charged; null where nothing is left to
 * charge, so that settling again changes nothing, and while its call may go on. Of one that is never heard of
 * again the whole of its function's time-out is charged, unless the queue has given it up before. A cancelled
 * round is charged for its opening with the first of its invocations.
 */
export function settle(
  run: Run,
  round: Round,
  invocation: Invocation,
  nowMs: number,
  prices: PriceTable,
): { readonly run: Run; readonly round: Round; readonly invocation: Invocation } | null {
  if (!isOver(invocation, nowMs)) return null;
  const usd = restUsd(invocation, nowMs, prices);
  if (usd === 0 && !(round.status === "cancelled" && round.costUsd === null)) return null;
  const charged = charge(run, round, "afterwardsUsd", usd);
  const chargedUsd = sumUsd([invocation.chargedUsd, usd]);
  const estimated = invocation.reportedAt === null ? { costUsd: chargedUsd, costEstimated: true } : {};
  return {
    run: { ...charged.run, updatedAt: nowMs },
    round: charged.round,
    invocation: { ...invocation, ...estimated, chargedUsd, updatedAt: nowMs },
  };
}
