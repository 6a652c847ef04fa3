// What a client makes of a coordinator that refuses a claim or a report.
import { type ErrorCode, FlError, NEEDS_PERSON } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";

/** The invocation is over, or not ours: a retried task would get the same answer. */
const NOTHING_TO_DO: ReadonlySet<ErrorCode> = new Set([
  "failed-precondition",
  "permission-denied",
  "not-found",
]);

/**
 * What came of a call that the coordinator refuses, in words; throws the error on where a retry may help.
 */
export function nothingToDo(error: unknown, log: Logger): string {
  if (!(error instanceof FlError) || !NOTHING_TO_DO.has(error.code)) throw error;
  // The round may simply be over; a refusal for who we are is for people to look at.
  const fields = { code: error.code, reason: error.message };
  if (error.code === "failed-precondition") log.info("nothing to do", fields);
  else log.error(NEEDS_PERSON, fields);
  return `nothing to do: ${error.message}`;
}
