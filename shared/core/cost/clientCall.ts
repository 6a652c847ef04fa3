// How long a client's call took and what it cost: what the client reports, compared with what the coordinator
// saw itself.
import type { Invocation, InvocationTimings } from "../schemas/invocation.ts";
import { invocationCost, sumUsd } from "./cost.ts";
import type { PriceTable } from "./prices.ts";

type Seen = Pick<Invocation, "invokedAt" | "claimedAt" | "reportedAt">;
type ReportedTimings = Omit<InvocationTimings, "reportMs">;

/**
 * A cold start goes on after the claim while TensorFlow loads, which only the client can time. It is believed
 * up to this, and up to half of the time between claim and report.
 */
const MAX_COLD_AFTER_CLAIM_MS = 15_000;

/**
 * The work of an invocation without its cold start, from claim to report, in ms: what a scheduler predicts.
 * Null before a report.
 *
 * A warm client's work is what the coordinator measured, whatever the client reports. Of a cold one's, the
 * part of the cold start that came after the claim is taken off, within bounds: a client cannot make itself
 * faster than twice its speed.
 */
export function workMs(seen: Seen, reported: ReportedTimings, coldStart: boolean): number | null {
  const { claimedAt, reportedAt } = seen;
  if (claimedAt === null || reportedAt === null) return null;
  const observedMs = Math.max(0, reportedAt - claimedAt);
  if (!coldStart) return observedMs;
  const believedMs = Math.min(reported.coldStartMs, MAX_COLD_AFTER_CLAIM_MS, observedMs / 2);
  const reportedMs =
    reported.claimMs +
    reported.downloadMs +
    reported.dataMs +
    (reported.evaluateMs ?? 0) +
    reported.trainMs +
    reported.uploadMs;
  return Math.min(Math.max(reportedMs, observedMs - believedMs), observedMs);
}

/** The cold start in ms, no longer than the invitation is old at the report. */
export function coldStartMs(
  { invokedAt, reportedAt }: Seen,
  reported: Pick<ReportedTimings, "coldStartMs">,
): number {
  return reportedAt === null
    ? reported.coldStartMs
    : Math.min(reported.coldStartMs, Math.max(0, reportedAt - invokedAt));
}

/**
 * USD of the call that reports now, from the start of its instance: at least the time from its claim until
 * now, at most that from its invitation, and never longer than its function may take. Throws as
 * `invocationCost`.
 */
export function reportedCost(
  { invokedAt, claimedAt, capacity }: Pick<Invocation, "invokedAt" | "claimedAt" | "capacity">,
  reported: ReportedTimings,
  nowMs: number,
  prices: PriceTable,
): number {
  const { queueWaitMs: _notBilled, ...billed } = reported;
  const reportedMs = Object.values(billed).reduce<number>((sum, ms) => sum + (ms ?? 0), 0);
  const leastMs = Math.max(0, nowMs - (claimedAt ?? nowMs));
  const mostMs = Math.max(leastMs, nowMs - invokedAt);
  const durationMs = Math.min(Math.max(reportedMs, leastMs), mostMs, capacity.timeoutSeconds * 1_000);
  return invocationCost({ durationMs, ...capacity }, prices);
}

type Unanswered = Pick<
  Invocation,
  "invokedAt" | "claimedAt" | "endedAt" | "coldStart" | "capacity" | "spentUsd"
> &
  Partial<Pick<Invocation, "callUntilAt" | "refusedAt">>;

/**
 * USD that an invocation which has not been heard of can have cost at most by `nowMs`: its earlier attempts,
 * and the last one from its claim until its call was seen to be over, for as long as its function may take,
 * with all the time before the claim where that started cold. For a call that was never claimed, from when it
 * was sent, where it was on its way as its round closed, until its claim was refused. Throws as
 * `invocationCost`.
 */
export function unansweredCost(invocation: Unanswered, nowMs: number, prices: PriceTable): number {
  const { invokedAt, claimedAt, endedAt, coldStart, capacity, spentUsd } = invocation;
  if (claimedAt === null) {
    const { callUntilAt = null, refusedAt = null } = invocation;
    if (callUntilAt === null) return spentUsd;
    const mostMs = capacity.timeoutSeconds * 1_000;
    const endMs = Math.min(nowMs, callUntilAt, refusedAt ?? nowMs, endedAt ?? nowMs);
    const durationMs = Math.min(mostMs, Math.max(0, endMs - (callUntilAt - mostMs)));
    return sumUsd([spentUsd, invocationCost({ durationMs, ...capacity }, prices)]);
  }
  const workMs = Math.min(
    Math.max(0, Math.min(nowMs, endedAt ?? nowMs) - claimedAt),
    capacity.timeoutSeconds * 1_000,
  );
  const beforeMs = coldStart === true ? Math.max(0, claimedAt - invokedAt) : 0;
  return sumUsd([spentUsd, invocationCost({ durationMs: workMs + beforeMs, ...capacity }, prices)]);
}

/**
 * USD of an invocation whose call reports now, all of its attempts together: what it had spent, the call
 * itself, and the coordinator's own work on the report.
 */
export function costOfReport(
  invocation: Pick<Invocation, "invokedAt" | "claimedAt" | "capacity" | "spentUsd">,
  reported: ReportedTimings,
  coordinatorUsd: number,
  nowMs: number,
  prices: PriceTable,
): number {
  return sumUsd([invocation.spentUsd, reportedCost(invocation, reported, nowMs, prices), coordinatorUsd]);
}

/**
 * USD that an invocation which is claimed now can have spent at most: its earlier attempts, and the
 * coordinator's work on the claim.
 */
export function costBeforeClaim(
  invocation: Unanswered,
  coordinatorUsd: number,
  nowMs: number,
  prices: PriceTable,
): number {
  return sumUsd([unansweredCost(invocation, nowMs, prices), coordinatorUsd]);
}
