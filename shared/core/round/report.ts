// A client's two words to the coordinator: a claim makes an attempt, a report ends the invocation.

import { FlError } from "../errors.ts";
import { isUsable } from "../methods/aggregation/staleness.ts";
import type { ClientStatePointer } from "../schemas/clientState.ts";
import type { Invocation, TrainingFacts, UpdatePointer } from "../schemas/invocation.ts";
import type { Receipt, ReportRequest } from "../schemas/protocol.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { isBuffered, isOpenToClaims } from "./buffered.ts";
import { scoreOfReport } from "./federated.ts";
import { labelsOfReport } from "./labels.ts";
import { isRelay, PASSED_OVER } from "./relay.ts";
import { keptWhileWaiting } from "./retention.ts";
import { hasEnded } from "./sweep.ts";

/**
 * Claims of one invocation: the queue's three tries, as many when the watchdog has it called again, and a few
 * delivered twice.
 */
export const MAX_ATTEMPTS = 10;

export type ClaimVerdict =
  | { readonly kind: "granted"; readonly invocation: Invocation }
  | { readonly kind: "over"; readonly reason: string };

/**
 * The invocation once its client has claimed it: a new attempt, with an object name of its own. Or why there
 * is nothing to do any more; the client then just ends.
 *
 * @param spentUsd what the invocation can have cost at most up to now: this claim, and its earlier attempts.
 *
 * A repeated claim is legal while nothing was reported (the instance before may have died); the first report
 * wins.
 */
export function claim(
  round: Round,
  invocation: Invocation,
  coldStart: boolean,
  spentUsd: number,
  nowMs: number,
): ClaimVerdict {
  if (!isOpenToClaims(round, nowMs)) return over(invocation, `round ${round.round} is ${round.status}`);
  if (invocation.status !== "invoked" && invocation.status !== "training") {
    return over(invocation, `the invocation is ${invocation.status}`);
  }
  if (invocation.relay?.skippedAt !== undefined) return over(invocation, PASSED_OVER);
  if (invocation.attempt >= MAX_ATTEMPTS) {
    return over(invocation, `it was claimed ${MAX_ATTEMPTS} times and never reported`);
  }
  return {
    kind: "granted",
    invocation: {
      ...invocation,
      status: "training",
      attempt: invocation.attempt + 1,
      coldStart: invocation.coldStart === true || coldStart,
      spentUsd,
      endedAt: null,
      failure: null,
      claimedAt: nowMs,
      updatedAt: nowMs,
    },
  };
}

/** What lies in the bucket under the name of the attempt that is reported. */
export interface StoredUpdate {
  readonly sizeBytes: number;
  readonly generation: string;
  /** What the client keeps, where its report names any; null where no such object is there. */
  readonly clientState?: { readonly sizeBytes: number } | null;
}

export interface ReportDecision {
  /** Null when the report changes nothing. */
  readonly invocation: Invocation | null;
  readonly receipt: Receipt;
}

/**
 * What a report makes of its invocation. The first report counts; every later one is acknowledged and
 * ignored.
 *
 * A report during training is in time. After the close it is late and waits for a later round, or expires
 * when no round to come may use it. `late` and `reported` differ only in words: which round consumes an
 * update is decided where updates are folded, so a close that comes between reading and writing loses
 * nothing. An update counts only if its object is there, of the reported size: a report without one is a
 * failure, which no quorum counts.
 *
 * @param stored the update's object, looked up after the report came; null where there is none. Not looked
 *   at for a failure.
 * @param run of which the spec is read, and of a round that is no longer training where it stands now.
 * @param costUsd of the invocation, all of its attempts together.
 * @throws FlError("failed-precondition") for an attempt that was never granted.
 */
export function report(
  run: Run,
  round: Round,
  invocation: Invocation,
  request: ReportRequest,
  stored: StoredUpdate | null,
  costUsd: number,
  nowMs: number,
): ReportDecision {
  if (request.attempt > invocation.attempt) {
    throw new FlError(
      "failed-precondition",
      `Invocation ${invocation.clientId} of round ${invocation.round} has no attempt ${request.attempt}: claim first.`,
      { retry: "never" },
    );
  }
  if (invocation.status !== "training" && invocation.status !== "missed") {
    return ignored(`the invocation is ${invocation.status} already`);
  }
  const reported: Invocation = {
    ...invocation,
    coldStart: request.coldStart,
    timings: { ...request.timings, reportMs: Math.max(0, nowMs - request.sentAt) },
    bytesDown: request.bytesDown,
    bytesUp: request.bytesUp,
    peakRssMib: request.peakRssMib,
    ...(request.signals === undefined ? {} : { signals: request.signals }),
    ...(request.data === undefined ? {} : { data: request.data }),
    ...scoreOfReport(run.spec, invocation, request),
    ...labelsOfReport(run.spec, request.labelCounts),
    ...(request.metrics === undefined ? {} : { metrics: request.metrics }),
    costUsd,
    costEstimated: false,
    failure: null,
    reportedAt: nowMs,
    updatedAt: nowMs,
  };
  if (round.status === "cancelled") {
    // The run, and all that it was to learn; what the call cost stays on record.
    const failure = { code: "cancelled", message: "the run is cancelled" };
    return {
      invocation: { ...reported, status: "cancelled", failure },
      receipt: { status: "ignored", reason: failure.message },
    };
  }
  if (request.result.kind === "failure") {
    return {
      invocation: { ...reported, status: "failed", failure: request.result.failure },
      receipt: { status: "failed", reason: null },
    };
  }
  const { update } = request.result;
  const training = counted(request.result.training, invocation.maxSamples);
  if (update.attempt !== request.attempt) {
    throw new FlError(
      "failed-precondition",
      `Attempt ${request.attempt} reports an update of attempt ${update.attempt}.`,
    );
  }
  if (round.status !== "training" || invocation.relay?.skippedAt !== undefined) {
    const staleness = Math.max(0, (run.openRound ?? run.round + 1) - round.round);
    const reason = whyTooLate(run, round, invocation, staleness);
    if (reason !== null) {
      const failure = { code: "expired", message: reason };
      return {
        invocation: { ...reported, status: "expired", update, training, staleness, failure },
        receipt: { status: "expired", reason },
      };
    }
  }
  const problem = problemOf(update, stored) ?? stateProblemOf(request.result.clientState, stored);
  if (problem !== null || stored === null) {
    const failure = { code: "failed-precondition", message: problem ?? "" };
    return {
      invocation: { ...reported, status: "failed", failure },
      receipt: { status: "failed", reason: problem },
    };
  }
  const { passedOver } = request.result;
  const relay =
    invocation.relay === undefined || passedOver === undefined
      ? {}
      : { relay: { ...invocation.relay, passedOver } };
  const waiting = keptWhileWaiting({
    ...reported,
    ...relay,
    update,
    updateGeneration: stored.generation,
    training,
  });
  if (round.status === "training") {
    return {
      invocation: { ...waiting, status: "reported" },
      receipt: { status: "reported", reason: null },
    };
  }
  return {
    invocation: { ...waiting, status: "late" },
    receipt: { status: "late", reason: `round ${round.round} is ${round.status}` },
  };
}

function problemOf(update: UpdatePointer, stored: StoredUpdate | null): string | null {
  if (stored === null) return "The client reported an update that it never uploaded: upload first.";
  if (stored.sizeBytes === update.sizeBytes) return null;
  const sizes = `The object has ${stored.sizeBytes} bytes, the client reported ${update.sizeBytes}`;
  return `${sizes}: upload the very file that is reported.`;
}

function stateProblemOf(named: ClientStatePointer | undefined, stored: StoredUpdate | null): string | null {
  if (named === undefined) return null;
  const sizeBytes = stored?.clientState?.sizeBytes;
  if (sizeBytes === named.sizeBytes) return null;
  const found = sizeBytes === undefined ? "there is no such object" : `the object has ${sizeBytes}`;
  return `The client reported a state of ${named.sizeBytes} bytes, and ${found}: upload it before the report.`;
}

/** Why an update that comes after its time is of no use, or null where a round to come may use it. */
function whyTooLate(run: Run, round: Round, invocation: Invocation, staleness: number): string | null {
  // What it began from is in its group's model, which others have gone on with.
  if (isRelay(round)) return PASSED_OVER;
  return expiry(run, staleness) ?? (isBuffered(round) && invocation.status === "missed" ? OVERDUE : null);
}

/** Why no round to come may use an update of this age, or null when one may. */
export function expiry(run: Run, staleness: number): string | null {
  const { maxRounds } = run.spec.aggregation.staleness;
  if (!isUsable(staleness, maxRounds))
    return `it is ${staleness} rounds old, and updates expire after ${maxRounds}`;
  if (hasEnded(run)) return `the run is ${run.status}`;
  return null;
}

/** Of a buffered run: another client has its place, and no round waits for it any more. */
export const OVERDUE =
  "it came after its client's own deadline; if that is often so, raise round.deadlineSeconds";

function ignored(reason: string): ReportDecision {
  return { invocation: null, receipt: { status: "ignored", reason } };
}

function over(invocation: Invocation, why: string): ClaimVerdict {
  const { clientId, round } = invocation;
  return { kind: "over", reason: `Nothing to do for ${clientId} in round ${round}: ${why}.` };
}

/** A client that reports more samples than its data card has would weigh too much. */
function counted(training: TrainingFacts, maxSamples: number | null): TrainingFacts {
  return maxSamples === null ? training : { ...training, samples: Math.min(training.samples, maxSamples) };
}
