// Calls of the HTTP API: an identity token each, tries again where that is harmless, and failures in the
// api's own words.
import { randomBytes } from "node:crypto";
import { PATIENCE_MS, withRetries } from "../../shared/cloud/withRetries.ts";
import { type ErrorCode, FlError, type Problem, type Retry } from "../../shared/core/errors.ts";
import { ApiAnswer } from "./apiAnswer.ts";

export interface ApiCall {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Such as /v1/runs. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** Makes repeating the call for a day do nothing more, so that it may be tried again. */
  readonly key?: string | undefined;
}

/** One try of a call, for those who want to see them. */
export interface ToldCall {
  readonly method: string;
  readonly path: string;
  /** Undefined where nothing answered. */
  readonly status: number | undefined;
  readonly tookMs: number;
  /** The functions' logs group their lines by it: 32 hexadecimal digits. */
  readonly trace: string;
}

export interface TransportOptions {
  /** The api's address. */
  readonly url: string;
  /** Gives an identity token for the api's address. */
  readonly token: (audience: string) => Promise<string>;
  /** How long an answer is waited for; default a minute. */
  readonly timeoutMs?: number;
  /** How long calls are tried again; default 30 s, 0: not at all. */
  readonly patienceMs?: number;
  readonly onCall?: (told: ToldCall) => void;
}

export interface Transport {
  readonly url: string;
  /**
   * The JSON of the answer.
   *
   * @throws FlError with the code that fits the answer; its cause is an `ApiAnswer` where there was one
   */
  call(call: ApiCall): Promise<unknown>;
}

const TIMEOUT_MS = 60_000;

export function apiTransport(options: TransportOptions): Transport {
  const { url, token, timeoutMs = TIMEOUT_MS, patienceMs = PATIENCE_MS, onCall } = options;
  const ask = async ({ method, path, query, body, key }: ApiCall): Promise<string> => {
    const bearer = await token(url);
    const trace = randomBytes(16).toString("hex");
    const beganMs = performance.now();
    const told = (status: number | undefined) =>
      onCall?.({ method, path, status, tookMs: performance.now() - beganMs, trace });
    try {
      const response = await fetch(`${url}${path}${queryText(query)}`, {
        method,
        headers: {
          authorization: `Bearer ${bearer}`,
          "content-type": "application/json",
          traceparent: `00-${trace}-${randomBytes(8).toString("hex")}-01`,
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      told(response.status);
      if (response.ok) return text;
      throw refusalOf(`${method} ${path}`, response, text, trace);
    } catch (error) {
      if (error instanceof FlError) throw error;
      told(undefined);
      throw unreached(url, error, timeoutMs);
    }
  };
  return {
    url,
    call: async (call) => {
      const isHarmless = call.method === "GET" || call.key !== undefined;
      const text = await withRetries(() => ask(call), isHarmless ? patienceMs : 0);
      const json = jsonOf(text);
      if (json !== undefined) return json;
      throw new FlError(
        "failed-precondition",
        `${call.method} ${call.path} did not answer JSON: check that ${url} is the api's address.`,
      );
    },
  };
}

function queryText(query: ApiCall["query"]): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) given.set(name, String(value));
  }
  return given.size === 0 ? "" : `?${given}`;
}

/** Asking again at once is of no use where nothing listens; an answer that was lost may come the next time. */
function unreached(url: string, cause: unknown, timeoutMs: number): FlError {
  if (cause instanceof Error && cause.name === "TimeoutError") {
    const message = `${url} did not answer within ${timeoutMs / 1_000} s.`;
    return new FlError("unavailable", message, { cause, retry: "never" });
  }
  const { code } = Object(Object(cause).cause);
  const isCut = code === "ECONNRESET" || code === "UND_ERR_SOCKET" || code === "EPIPE";
  return new FlError(
    "unavailable",
    `Nothing answers at ${url}. Check the api's address, and that it is up.`,
    {
      cause,
      retry: isCut ? "soon" : "never",
    },
  );
}

/** What the api says of a failure; anything else that answers says it in its own way. */
function refusalOf(what: string, response: Response, text: string, trace: string): FlError {
  const { status } = response;
  const { message, code, problems } = Object(Object(jsonOf(text)).error);
  const words = typeof message === "string" ? message : text.slice(0, 500);
  return new FlError(codeOf(status, code), `${what} answered ${status}: ${words}`, {
    problems: problemsOf(problems),
    cause: new ApiAnswer(status, words, trace),
    ...(isPassing(status) ? { retry: retryAfter(response) } : {}),
  });
}

function isPassing(status: number): boolean {
  return status === 429 || (status >= 502 && status <= 504);
}

function retryAfter(response: Response): Retry {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 1 ? { afterMs: seconds * 1_000 } : "soon";
}

const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid-argument",
  401: "unauthenticated",
  403: "permission-denied",
  404: "not-found",
  413: "too-large",
};

function codeOf(status: number, told: unknown): ErrorCode {
  if (isPassing(status)) return "unavailable";
  const known = STATUS_CODES[status];
  if (known !== undefined) return known;
  if (status === 409) return told === "already-exists" ? "already-exists" : "failed-precondition";
  return status >= 500 ? "internal" : "failed-precondition";
}

function problemsOf(told: unknown): readonly Problem[] {
  if (!Array.isArray(told)) return [];
  return told.flatMap((one) => {
    const { path, message } = Object(one);
    return typeof path === "string" && typeof message === "string" ? [{ path, message }] : [];
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
