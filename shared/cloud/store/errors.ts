// Firestore's errors as ours: what a retry can mend is said to be so.
import { type ErrorCode, FlError } from "../../core/errors.ts";

/**
 * gRPC status numbers that mean something to a caller; everything else is internal: a request that Firestore finds invalid,
 * a database that is not there or not ours to use are faults of ours, and no caller's.
 */
const CODES: Readonly<Record<number, ErrorCode>> = {
  1: "aborted",
  4: "deadline-exceeded",
  6: "already-exists",
  8: "resource-exhausted",
  9: "aborted",
  10: "aborted",
  14: "unavailable",
};

/** The error to throw on; one of ours is passed through. `what` names the call, such as "transaction". */
export function fromFirestore(error: unknown, what: string): Error {
  if (error instanceof FlError) return error;
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "number") {
    return error instanceof Error ? error : new Error(String(error));
  }
  const code = CODES[error.code] ?? "internal";
  return new FlError(code, `The database refused a ${what} (${code}).`, { cause: error });
}
