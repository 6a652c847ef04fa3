// Closing a round: when it stops waiting for updates, and why.

import type { FailureReason } from "../failureReasons.ts";
import { isPublished } from "../methods/selection/options.ts";
import type { Command } from "../protocol/commands.ts";
import { CALL_SECONDS } from "../protocol/tasks.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { CloseReason, Round } from "../schemas/round.ts";
import type { RoundSpec, StoredRunSpec } from "../schemas/spec.ts";
import { isOpenToClaims } from "./buffered.ts";
import { closeTask } from "./open.ts";
import { isRelay } from "./relay.ts";
import { type DueTier, isTiered } from "./tiers.ts";

export interface RoundCounts {
  /** Invocations whose update is in, of a buffered round those that it carries among them. */
  readonly reported: number;
  /** Invocations that will bring none: failed. */
  readonly failed: number;
  /** Of a relay: whether every group has had its turns; it has not where absent. */
  readonly relayIsOver?: boolean;
  /** Of a run in tiers: see `dueTier`; none is due where absent. */
  readonly due?: DueTier | null;
}

/** What becomes of the round, and what has to be done next. */
export type CloseVerdict =
  | { readonly kind: "wait" }
  | { readonly kind: "extend" | "aggregate"; readonly round: Round; readonly commands: readonly Command[] };

/**
 * Whether a round in training goes on, is extended, or moves on to be aggregated.
 *
 * It moves on when every client of the cohort has answered, when the quorum of updates is in, or at the
 * deadline. At the deadline with fewer than `minUpdates` updates it waits once more for the same time (unless
 * `round.extend` is false, or the run keeps to what was published), then moves on all the same: a round
 * always ends. A relay moves on when every group has had its turns, a round of a run in tiers when one of the
 * tiers is due.
 *
 * @param cause `report`: a client answered; `deadline`: the deadline's task has come.
 */
export function closeRound(
  round: Round,
  { round: spec, selection }: Pick<StoredRunSpec, "round" | "selection">,
  counts: RoundCounts,
  cause: "report" | "deadline",
  nowMs: number,
): CloseVerdict {
  if (round.status !== "training") return { kind: "wait" };
  if (isRelay(round)) {
    if (counts.relayIsOver === true) return moveOn(round, spec, "all-reported", nowMs);
  } else {
    if (counts.due != null) {
      const reason = counts.due.isOverdue ? "deadline" : "all-reported";
      return moveOn({ ...round, tier: counts.due.tier }, spec, reason, nowMs);
    }
    const awaited = round.cohort.length + (round.carried?.length ?? 0);
    if (counts.reported + counts.failed >= awaited) return moveOn(round, spec, "all-reported", nowMs);
    const isQuorum = !isTiered(round) && counts.reported >= quorumCount(round.wanted, spec);
    if (isQuorum) return moveOn(round, spec, "quorum", nowMs);
  }
  if (cause === "report" || nowMs < round.deadlineAt) return { kind: "wait" };
  if (counts.reported >= spec.minUpdates) return moveOn(round, spec, "deadline", nowMs);
  // A relay's deadline is long after the last turn's: there is nothing more to wait for.
  if (!round.extended && spec.extend && !isRelay(round) && !isPublished(selection)) {
    const deadlineAt = nowMs + (round.deadlineAt - round.openedAt);
    const extended = { ...round, extended: true, deadlineAt };
    return { kind: "extend", round: extended, commands: [closeTask(extended)] };
  }
  return moveOn(round, spec, "too-few-updates", nowMs);
}

/**
 * Updates that close a round early: the quorum's share of those wanted, rounded up, and never below
 * `minUpdates`.
 */
export function quorumCount(wanted: number, spec: RoundSpec): number {
  return Math.max(Math.ceil(wanted * spec.quorum - 1e-9), spec.minUpdates);
}

function moveOn(round: Round, spec: RoundSpec, closeReason: CloseReason, nowMs: number): CloseVerdict {
  const at = { runId: round.runId, round: round.round };
  return {
    kind: "aggregate",
    round: {
      ...round,
      status: "aggregating",
      closeReason,
      aggregatingAt: nowMs,
      timings: { ...round.timings, trainingMs: Math.max(0, nowMs - round.openedAt) },
    },
    commands: [
      { kind: "aggregate", ...at },
      ...(spec.prewarm === undefined ? [] : [{ kind: "prewarm" as const, ...at }]),
    ],
  };
}

/** A call that was sent a moment ago may be about to fail, as those to a client that is gone do. */
const LEAST_HANG_MS = 1_000;

/**
 * The invocation whose round closes while a call to its client is on its way that was not claimed: the client
 * is busy until that call must have ended, so that one that never answers holds one place in its queue and no
 * more. Null where it has claimed.
 *
 * @param sentAtMs when the call was sent.
 */
export function leftCalling(invocation: Invocation, sentAtMs: number, nowMs: number): Invocation | null {
  const { status, attempt, callUntilAt, capacity } = invocation;
  const untilAt = Math.floor(sentAtMs + Math.max(CALL_SECONDS.least, capacity.timeoutSeconds) * 1_000);
  if (status !== "invoked" || attempt > 0 || callUntilAt === untilAt || untilAt <= nowMs) return null;
  if (nowMs - sentAtMs < LEAST_HANG_MS) return null;
  return { ...invocation, callUntilAt: untilAt, updatedAt: nowMs };
}

/**
 * The invocation whose first claim comes after its round has closed: its client is alive, and free. Null
 * where that is known, or it has claimed before.
 */
export function refusedClaim(round: Round, invocation: Invocation, nowMs: number): Invocation | null {
  if (isOpenToClaims(round, nowMs) || invocation.attempt > 0 || invocation.refusedAt !== null) return null;
  return { ...invocation, refusedAt: nowMs, updatedAt: nowMs };
}

/**
 * The invocation that was not claimed, with how its last call ended as the queue saw it; null where there is
 * nothing new to say.
 *
 * @param lastAnswer in the queue's words.
 */
export function answeredInstead(
  invocation: Invocation,
  lastAnswer: string | null,
  nowMs: number,
): Invocation | null {
  const { status, attempt, failure, url } = invocation;
  if (status !== "invoked" || attempt > 0 || lastAnswer === null) return null;
  if (failure !== null && failure.code !== OTHER_ACCOUNT) return null;
  const message =
    `The last call to ${url} ended with: ${lastAnswer}. 401 or 403: its CLIENT_URL is to be this very address, and the client ` +
    "queue's service account may have to be let in. No answer: it cannot be reached there.";
  const combined = besideOther(failure, message);
  return { ...invocation, failure: { code: "unavailable", message: combined }, updatedAt: nowMs };
}

/**
 * What is noted where another account tried to claim; what the queue saw of the client's own calls says more.
 */
const OTHER_ACCOUNT = "other-account";

/**
 * The invocation that an account tried to claim which is not its client's, with that account's name: an
 * operator sees whether the client runs as another account than it is registered with. Null where it was
 * claimed rightly, or something is noted already.
 *
 * @param email of the caller, verified.
 */
export function claimedByOther(invocation: Invocation, email: string, nowMs: number): Invocation | null {
  const { status, attempt, failure, serviceAccount } = invocation;
  if (status !== "invoked" || attempt > 0 || failure !== null) return null;
  const message =
    `An attempt to claim it as ${email.slice(0, 320)} was refused: the client is registered with ${serviceAccount}. If the former is not ` +
    "the account of this client's own function, another account tried.";
  return { ...invocation, failure: { code: OTHER_ACCOUNT, message }, updatedAt: nowMs };
}

/**
 * The invocation that a client claimed which does not know what the run asks of it: an operator sees why it
 * is not granted. Null where something is noted already.
 */
export function claimedByOlder(
  invocation: Invocation,
  { known, needed }: { readonly known: number; readonly needed: number },
  nowMs: number,
): Invocation | null {
  const message = `The client's function at ${invocation.url} knows release ${known} of the client protocol, and the run needs ${needed}: deploy this release there.`;
  return refusedFor(invocation, "older-release", message, nowMs);
}

/**
 * The invocation that a client claimed which lacks code of its owner's own that the run requires. Null where
 * something is noted already.
 *
 * @param missing see `missingCode`.
 */
export function claimedWithout(invocation: Invocation, missing: string, nowMs: number): Invocation | null {
  const message = `The client's function at ${invocation.url} cannot train this run, which requires ${missing}: its owner has to bundle it with that code.`;
  return refusedFor(invocation, "missing-code", message, nowMs);
}

function refusedFor(
  invocation: Invocation,
  reason: FailureReason,
  message: string,
  nowMs: number,
): Invocation | null {
  const { status, failure } = invocation;
  if (status !== "invoked" || (failure !== null && failure.code !== OTHER_ACCOUNT)) return null;
  return {
    ...invocation,
    failure: {
      code: "failed-precondition",
      reason,
      message: besideOther(failure, message),
    },
    updatedAt: nowMs,
  };
}

/** A reason, with what was noted of another account beside it. */
function besideOther(failure: Invocation["failure"], message: string): string {
  return failure?.code === OTHER_ACCOUNT ? `${message} ${failure.message}` : message;
}

/**
 * The invocation whose calls are over without a report, with what its operator should look at; null where it
 * has reported, or the same was noted before. It may still be heard of: a function can outlive the answer
 * that the queue waited for.
 */
export function givenUp(invocation: Invocation, nowMs: number): Invocation | null {
  const { status, claimedAt, reportedAt, endedAt, failure } = invocation;
  if ((status !== "invoked" && status !== "training") || reportedAt !== null || endedAt !== null) return null;
  const seen = failure !== null && failure.code !== OTHER_ACCOUNT ? failure.message : null;
  const unclaimed =
    `The calls to ${invocation.url} ended and nothing claimed: check that this is the client's function, that it lets ` +
    "the client queue's service account call it, that its CLIENT_URL is this very address, and that it claims as " +
    `${invocation.serviceAccount}.`;
  const silent =
    "The client's function claimed, and its calls ended without a report: its own log says why, such as too little memory.";
  const message = seen ?? besideOther(failure, claimedAt === null ? unclaimed : silent);
  return {
    ...invocation,
    endedAt: nowMs,
    failure: { code: "unavailable", message },
    updatedAt: nowMs,
  };
}
