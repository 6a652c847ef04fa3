// What a client tells other organisations of an error: a reason and our own words. What a library, a file or
// the owner's own code says stays in the owner's log, whose place is told.
import { logPlace } from "../../shared/cloud/log.ts";
import { type ErrorCode, FlError, type Told } from "../../shared/core/errors.ts";
import { FAILURE_REASONS, type FailureReason } from "../../shared/core/failureReasons.ts";
import type { InvocationFailure } from "../../shared/core/schemas/failure.ts";
import type { Stopwatch } from "./stopwatch.ts";

const MESSAGE_LENGTH = 2_000;

/**
 * @param phase in which it failed, by which a reason is found where the error itself may not be told.
 * @returns null for what another attempt may fix.
 */
export function toldFailure(error: unknown, phase: Stopwatch["phase"]): InvocationFailure | null {
  if (!(error instanceof FlError)) return failure("internal", told("internal"));
  // The queue's retries are used up before a person has acted; until then the run's operator sees the reason.
  if (error.retry !== "never" && error.retry !== "needs-a-person") return null;
  return tellable(error, phase);
}

/** The same of any error, whether or not another attempt may fix it. */
export function tellable(error: unknown, phase: Stopwatch["phase"]): InvocationFailure {
  if (!(error instanceof FlError)) return failure("internal", told("internal"));
  return failure(error.code, error.told ?? told(reasonOf(error.code, phase)));
}

function failure(code: ErrorCode, { reason, message }: Told): InvocationFailure {
  const log = logPlace();
  return {
    code,
    reason,
    message: message.slice(0, MESSAGE_LENGTH).toWellFormed(),
    ...(Object.keys(log).length === 0 ? {} : { log }),
  };
}

function told(reason: FailureReason): Told {
  return { reason, message: `${FAILURE_REASONS[reason].text} The log of its function says more.` };
}

/** What another try may get by: it says nothing of the client. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  "aborted",
  "deadline-exceeded",
  "resource-exhausted",
  "unavailable",
]);

function reasonOf(code: ErrorCode, phase: Stopwatch["phase"]): FailureReason {
  if (code === "internal") return "internal";
  if (PASSING.has(code)) return "not-now";
  switch (phase) {
    case "dataMs":
    case "evaluateMs": // What fails there is the reading of the data: without a score the client trains.
      if (code === "too-large") return "data-too-large";
      return code === "failed-precondition" ? "no-data" : "bad-data";
    case "coldStartMs":
      return "no-backend";
    case "queueWaitMs":
    case "claimMs":
    case "downloadMs":
      return "bad-grant";
    case "uploadMs":
      return "storage-refused";
    default:
      return "training-failed";
  }
}
