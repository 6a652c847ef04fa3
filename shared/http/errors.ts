// Errors on the wire: one table from code to status, and only marked messages leave the server.
import { type ErrorCode, FlError, type Retry } from "../core/errors.ts";
import type { HttpResponse } from "./message.ts";

const STATUS: Record<ErrorCode, number> = {
  "invalid-argument": 400,
  unauthenticated: 401,
  "permission-denied": 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "already-exists": 409,
  "failed-precondition": 409,
  "too-large": 413,
  "unsupported-media-type": 415,
  "resource-exhausted": 429,
  "data-loss": 500,
  internal: 500,
  aborted: 503,
  "deadline-exceeded": 503,
  unavailable: 503,
};

/**
 * The answer to a request that failed. What is not an FlError is reported as internal; its text stays in the
 * log, and so does what is damaged, unless the caller may know it.
 */
export function errorResponse(error: unknown, { showsDamage = false } = {}): HttpResponse {
  const known = error instanceof FlError ? error : internalError();
  const isDamage = known.code === "data-loss" || known.retry === "needs-a-person";
  const isHidden = isDamage ? !showsDamage : known.code === "internal";
  const shown = isHidden ? internalError(known) : known;
  const headers: Record<string, string> = {};
  const retryAfter = retryAfterSeconds(shown.retry);
  if (retryAfter !== null) headers["retry-after"] = String(retryAfter);
  if (shown.code === "unauthenticated") headers["www-authenticate"] = "Bearer";
  return {
    status: STATUS[shown.code],
    headers,
    body: {
      error: {
        code: shown.code,
        message: shown.message,
        ...(shown.problems.length > 0 ? { problems: shown.problems } : {}),
      },
    },
  };
}

/**
 * How long a call rests that fails until a person has done something: it goes on by itself soon after that.
 */
const PERSON_SECONDS = 300;

/** Whole seconds for a Retry-After header, at least 1; null where a retry cannot help. */
export function retryAfterSeconds(retry: Retry): number | null {
  if (retry === "never") return null;
  if (retry === "needs-a-person") return PERSON_SECONDS;
  if (retry === "soon") return 1;
  return Math.max(1, Math.ceil(retry.afterMs / 1_000));
}

function internalError(hidden?: FlError): FlError {
  const code = hidden?.code === "data-loss" ? "data-loss" : "internal";
  const message = "Something went wrong on our side; the function's log has the details.";
  if (hidden?.retry === "needs-a-person") return new FlError(code, message, { retry: "needs-a-person" });
  return new FlError(code, message, { retry: code === "internal" ? "soon" : "never" });
}
