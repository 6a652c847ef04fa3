// Which failures of the api pass, and for how long those who wait for something bear with them.
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";

/** For so long, nothing is said to be wrong with an api that is away. */
export const AWAY_MS = 10 * 60_000;

/** What another look may not meet any more. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  "unavailable",
  "internal",
  "aborted",
  "resource-exhausted",
  "deadline-exceeded",
]);

export function isAway(error: unknown): boolean {
  return error instanceof FlError && PASSING.has(error.code);
}
