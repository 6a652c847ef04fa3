// After a run has ended: what becomes of the invocations it leaves behind, and when no client can be working
// for it any more.
import type { Invocation } from "../schemas/invocation.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { isBuffered } from "./buffered.ts";
import { roundsInReach } from "./inbox.ts";
import { helped } from "./needsPerson.ts";
import { released } from "./retention.ts";

/** The longest that a client's function may take. */
export const MAX_WORK_MS = 1_800_000;

export function hasEnded(run: Run): boolean {
  return run.status === "completed" || run.status === "cancelled" || run.status === "failed";
}

/**
 * The invocation of an ended run with an end of its own; null when it has one, or its client may still
 * report.
 */
export function sweepInvocation(run: Run, invocation: Invocation, nowMs: number): Invocation | null {
  const over = (status: "cancelled" | "expired"): Invocation => ({
    ...released(invocation, nowMs),
    status,
    failure: { code: status, message: `the run is ${run.status}` },
    updatedAt: nowMs,
  });
  switch (invocation.status) {
    case "invoked":
      return over("cancelled");
    case "training":
      return atWorkUntil(invocation, nowMs) === null ? over("cancelled") : null;
    case "reported":
    case "late":
      return over("expired");
    default:
      return null;
  }
}

/**
 * Whether a sweep looks at this round of an ended run: its updates wait for a round that never comes, or its
 * clients, who claim as long as it trains (in a buffered run until its deadline), may still be at work or
 * upload. Where it need not, it need not for
 * any round before.
 */
export function isLeftBehind(run: Run, round: Round, nowMs: number): boolean {
  const [first] = roundsInReach(run, run.round + 1);
  if (first === undefined || round.round >= first) return true;
  const stoppedAt = round.aggregatingAt ?? round.closedAt;
  const trainedUntil =
    stoppedAt !== null && isBuffered(round) ? Math.max(stoppedAt, round.deadlineAt) : stoppedAt;
  return trainedUntil === null || nowMs < trainedUntil + MAX_WORK_MS + UPLOAD_MARGIN_MS + UPLOAD_GRACE_MS;
}

/**
 * Until when (exclusive) a client of the invocation may still be at work and upload; null when none can be. A
 * report ends its own attempt only: where there was another, delivered twice, that one may be at work yet.
 */
export function atWorkUntil(invocation: Invocation, nowMs: number): number | null {
  const { claimedAt, reportedAt, attempt, capacity } = invocation;
  if (claimedAt === null || (reportedAt !== null && attempt === 1)) return null;
  const untilMs = claimedAt + capacity.timeoutSeconds * 1_000;
  return untilMs > nowMs ? untilMs : null;
}

/** A client may upload until its own function's time-out, and a little. */
const UPLOAD_MARGIN_MS = 60_000;

/** Clocks differ, and an upload that has begun is let finish. */
const UPLOAD_GRACE_MS = 5_000;

/** How long a link to upload is valid that is made now for the invocation's last claim, in whole seconds. */
export function linkSeconds({ claimedAt, capacity }: Invocation, nowMs: number): number {
  const untilMs = (claimedAt ?? nowMs) + capacity.timeoutSeconds * 1_000 + UPLOAD_MARGIN_MS;
  return Math.max(1, Math.floor((untilMs - nowMs) / 1_000));
}

/**
 * Until when (exclusive) the last link can be used by which the invocation's client may write an object; null
 * when none can. A report changes nothing about that: an object that was removed can be uploaded again until
 * then.
 */
export function linksUntil({ claimedAt, capacity }: Invocation, nowMs: number): number | null {
  if (claimedAt === null) return null;
  const untilMs = claimedAt + capacity.timeoutSeconds * 1_000 + UPLOAD_MARGIN_MS + UPLOAD_GRACE_MS;
  return untilMs > nowMs ? untilMs : null;
}

/** A version's score is not waited for longer than this after the run has ended. */
export const SCORE_PATIENCE_MS = 3_600_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * When a sweep that found a version without a score looks again, less often each time; null once it waits no
 * longer.
 *
 * @param pass of the sweep, from 1.
 */
export function scoreAwaitedUntil({ endedAt, updatedAt }: Run, pass: number, nowMs: number): number | null {
  if (nowMs >= (endedAt ?? updatedAt) + SCORE_PATIENCE_MS) return null;
  return nowMs + Math.min(LONGEST_PAUSE_MS, 100 * 2 ** Math.min(pass, 20));
}

/** The run once nothing of it is left to clean up. */
export function swept(run: Run, nowMs: number): Run {
  return hasEnded(run) && !run.swept ? { ...helped(run), swept: true, updatedAt: nowMs } : run;
}
