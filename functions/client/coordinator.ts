// The coordinator as a client sees it: two calls, made with the client's own identity.
import { z } from "zod";
import type { IdTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { FlError, type Retry } from "../../shared/core/errors.ts";
import { ClaimRequest, Grant, Receipt, ReportRequest } from "../../shared/core/schemas/protocol.ts";

export interface Coordinator {
  /** @throws FlError("failed-precondition") when there is nothing to do any more. */
  claim(request: ClaimRequest): Promise<Grant>;
  report(request: ReportRequest): Promise<Receipt>;
}

const TIMEOUT_MS = 60_000;

export function connectCoordinator(url: string, tokens: IdTokenSource): Coordinator {
  const call = async <Q, A>(
    path: string,
    asks: z.ZodType<Q>,
    answers: z.ZodType<A>,
    request: Q,
  ): Promise<A> => {
    const token = await tokens.fetchIdToken(url);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(z.encode(asks, request)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      throw new FlError("unavailable", `The coordinator did not answer ${path}.`, { cause });
    }
    if (!response.ok) throw refusal(path, response.status, response.headers.get("retry-after"), text);
    return answers.parse(JSON.parse(text));
  };
  return {
    claim: (request) => call("/claim", ClaimRequest, Grant, request),
    report: (request) => call("/report", ReportRequest, Receipt, request),
  };
}

const Refusal = z.object({ error: z.object({ message: z.string() }) });

function refusal(path: string, status: number, retryAfter: string | null, text: string): FlError {
  const told = Refusal.safeParse(safeJson(text));
  const message = told.success ? told.data.error.message : `HTTP ${status}`;
  if (status === 409) return new FlError("failed-precondition", message);
  if (status === 401 || status === 403)
    return new FlError("permission-denied", `The coordinator refused ${path}: ${message}`);
  if (status === 429 || status >= 500) {
    const retry: Retry = retryAfter === null ? "soon" : { afterMs: Number(retryAfter) * 1_000 };
    return new FlError("unavailable", `The coordinator cannot take ${path} now: ${message}`, { retry });
  }
  return new FlError("invalid-argument", `The coordinator did not accept ${path}: ${message}`);
}

/** Undefined for what is no JSON: an error page of something in between. */
function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
