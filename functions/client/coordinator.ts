// The coordinator as a client sees it: four calls, made with the client's own identity.
import * as z from "zod";
import type { IdTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { PATIENCE_MS, withRetries } from "../../shared/cloud/withRetries.ts";
import { type ErrorCode, FlError, type Retry } from "../../shared/core/errors.ts";
import { CLIENT_CALLS } from "../../shared/core/protocol/clientCalls.ts";
import type {
  CheckClaim,
  CheckGrant,
  CheckReceipt,
  CheckReport,
} from "../../shared/core/schemas/checkCalls.ts";
import type { ClaimRequest, Grant, Receipt, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import { readTolerantly } from "../../shared/core/schemas/readTolerantly.ts";

export interface Coordinator {
  /**
   * @throws FlError("failed-precondition") when there is nothing to do any more,
   *   FlError("permission-denied" | "not-found") when the invocation is not ours; FlError("unauthenticated")
   *   when the coordinator does not accept our identity.
   */
  claim(request: ClaimRequest): Promise<Grant>;
  /** Throws alike. */
  report(request: ReportRequest): Promise<Receipt>;
}

/** The same of checks. */
export interface CheckCalls {
  /** Throws alike. */
  claimCheck(request: CheckClaim): Promise<CheckGrant>;
  /** Throws alike. */
  reportCheck(request: CheckReport): Promise<CheckReceipt>;
}

const TIMEOUT_MS = 60_000;

/** Whatever an answer says: a client does not wait longer than any round lasts. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Statuses that another call with the same identity would get again. */
const REFUSALS: ReadonlyMap<number, ErrorCode> = new Map([
  [401, "unauthenticated"],
  [403, "permission-denied"],
  [404, "not-found"],
]);

/** @param patienceMs how long a call is tried again while the coordinator cannot take it. */
export function connectCoordinator(
  url: string,
  tokens: IdTokenSource,
  patienceMs = PATIENCE_MS,
): Coordinator & CheckCalls {
  const callOnce = async <Q, A>(
    {
      path,
      body,
      answer: answers,
    }: { readonly path: string; readonly body: z.ZodType<Q>; readonly answer: z.ZodType<A> },
    request: Q,
  ): Promise<A> => {
    const token = await tokens.fetchIdToken(url);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          // Grants are a few KiB, and no function is paid to compress them.
          "accept-encoding": "identity",
        },
        body: JSON.stringify(z.encode(body, request)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      throw new FlError("unavailable", `The coordinator did not answer ${path}.`, { cause });
    }
    if (!response.ok) throw refusal(path, response.status, response.headers.get("retry-after"), text);
    const answer = readTolerantly(answers, safeJson(text));
    if (answer.success) return answer.data;
    throw new FlError(
      "unavailable",
      `What answered ${path} is not a coordinator of this version: check COORDINATOR_URL.`,
      {
        cause: answer.error,
      },
    );
  };
  return {
    claim: (request) => withRetries(() => callOnce(CLIENT_CALLS.claim, request), patienceMs),
    report: (request) => withRetries(() => callOnce(CLIENT_CALLS.report, request), patienceMs),
    claimCheck: (request) => withRetries(() => callOnce(CLIENT_CALLS["claim-check"], request), patienceMs),
    reportCheck: (request) => withRetries(() => callOnce(CLIENT_CALLS["report-check"], request), patienceMs),
  };
}

const Refusal = z.object({ error: z.object({ message: z.string() }) });

function refusal(path: string, status: number, retryAfter: string | null, text: string): FlError {
  const answer = Refusal.safeParse(safeJson(text));
  const message = answer.success ? answer.data.error.message : `HTTP ${status}`;
  if (status === 409) return new FlError("failed-precondition", message);
  const code = REFUSALS.get(status);
  if (code !== undefined) return new FlError(code, `The coordinator refused ${path}: ${message}`);
  if (status === 429 || status >= 500) {
    const retry = retryAfterHeader(retryAfter, Date.now());
    return new FlError("unavailable", `The coordinator cannot take ${path} now: ${message}`, { retry });
  }
  return new FlError("invalid-argument", `The coordinator did not accept ${path}: ${message}`);
}

/**
 * A Retry-After header, which is a number of seconds or a date (RFC 9110, 10.2.3); what is neither says
 * nothing.
 */
export function retryAfterHeader(header: string | null, nowMs: number): Retry {
  if (header === null) return "soon";
  const afterMs = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(afterMs) ? "soon" : { afterMs: Math.min(Math.max(0, afterMs), MAX_RETRY_AFTER_MS) };
}

/** Undefined for what is not JSON: an error page of something in between. */
function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
