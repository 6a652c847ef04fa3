// Firestore's errors as ours, marked as retryable where a retry can succeed.
import { type ErrorCode, FlError } from "../../core/errors.ts";

/**
 * gRPC status numbers that mean something to a caller; everything else is internal: a request that Firestore
 * finds invalid, a database that is not there or not ours to use are faults of ours, and no caller's.
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

/** What is missing, in our words, by the status of a call that fails until a person has done something. */
const MISSING: ReadonlyMap<number, string> = new Map([
  [5, "there is no such database: create it, or set FIRESTORE_DATABASE to the one that there is"],
  [7, "this function's service account may not: give it roles/datastore.user, and enable the Firestore API"],
  [16, "it does not accept this function's credentials: check its service account"],
]);

/** Of a request that is never taken, however often it is made: what it is must change. */
const INVALID: ReadonlySet<number> = new Set([3, 11]);
const FAILED_PRECONDITION = 9;

/**
 * What Firestore says of a transaction that was idle for too long, with the status of an invalid request. The
 * library begins it anew, and gives up where an overloaded instance is too slow each time.
 */
const EXPIRED = /transaction has expired/i;

/** The error to throw on; one of ours is passed through. `what` names the call, such as "transaction". */
export function fromFirestore(error: unknown, what: string): Error {
  if (error instanceof FlError) return error;
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "number") {
    return error instanceof Error ? error : new Error(String(error));
  }
  const missing = MISSING.get(error.code);
  if (missing !== undefined) {
    return new FlError("internal", `The database refused a ${what}: ${missing}.`, {
      cause: error,
      retry: "needs-a-person",
    });
  }
  const why = refusedForGood(error.code, error.message);
  if (why !== null) {
    return new FlError("internal", `The database refuses a ${what} for good: ${why}.`, {
      cause: error,
      retry: "never",
    });
  }
  const code = EXPIRED.test(error.message) ? "aborted" : (CODES[error.code] ?? "internal");
  return new FlError(code, `The database refused a ${what} (${code}).`, { cause: error });
}

/** In our words, for Firestore's may quote values; null for what another try may have done. */
function refusedForGood(code: number, message: string): string | null {
  if (code === FAILED_PRECONDITION && /requires an? \w*\s?index|index is/i.test(message)) {
    return "it asks for a field without an index; apply the Terraform configuration of this version";
  }
  if (!INVALID.has(code) || EXPIRED.test(message)) return null;
  return /too big|too large|too many|exceed|larger than|longer than|maximum|at most/i.test(message)
    ? "it is larger than Firestore takes (10 MiB of documents and index entries in one transaction, 1 MiB a document)"
    : "Firestore finds it invalid; the function's log has its message";
}
