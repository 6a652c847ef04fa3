// The only place that touches the functions framework: its request becomes ours, our response becomes its.
import domain from "node:domain";
import { inspect } from "node:util";
import { http } from "@google-cloud/functions-framework";
import { reached } from "../cloud/steps.ts";
import { withinTrace } from "../cloud/trace.ts";
import { createDrain } from "./drain.ts";
import type { Handler, HttpRequest } from "./message.ts";

/**
 * Registers a function under its deployed name. `connect` runs once, on the first request: what is loaded before that is
 * the cold start. A failed connect is tried again by the next request.
 */
export function serve(name: string, connect: () => Promise<Handler>): void {
  runWithoutDomains();
  const drain = createDrain();
  let handler: Promise<Handler> | null = null;
  http(name, async (request, response) => {
    response.once("close", drain.begin());
    handler ??= connect();
    const connected = await handler.catch((error: unknown) => {
      handler = null;
      throw untold(error);
    });
    const ours = toRequest(request);
    const answer = await withinTrace(ours.headers, () => connected(ours));
    reached(`answer ${ours.path}`, "before");
    response.once("finish", () => reached(`answer ${ours.path}`, "after"));
    response.status(answer.status).set({ ...answer.headers });
    if (answer.body === undefined) response.end();
    else response.json(answer.body);
  });
}

/**
 * The framework would run every request in a domain. The first one that is made has Node keep books on every promise, timer and
 * event from then on, which takes a quarter of a function's time. All that a domain is good for is to go on after an exception
 * that nobody caught; we rather end, for a task comes again.
 */
function runWithoutDomains(): void {
  Reflect.set(domain, "create", () => ({ on: () => undefined, run: (work: () => unknown) => work() }));
}

/** The framework logs an error's stack and shows its message to the caller, whom nobody has asked yet who it is. */
function untold(error: unknown): Error {
  const shown = new Error("The function cannot start; its log has the details.");
  shown.stack = inspect(error);
  return shown;
}

interface FrameworkRequest {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Every header as often as it came, where Node's `headers` keep only the first of some. */
  readonly headersDistinct?: Readonly<Record<string, readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly rawBody?: Uint8Array | null;
}

function toRequest(request: FrameworkRequest): HttpRequest {
  const url = new URL(`http://function${request.originalUrl}`); // Not a base: `//a/b` would be a host.
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : `${value}`,
    ]),
  );
  // Of two tokens the caller must not choose which one we see.
  const tokens = request.headersDistinct?.["authorization"];
  if (tokens !== undefined) headers["authorization"] = tokens.join(", ");
  const bodyBytes = request.rawBody?.byteLength ?? 0;
  return {
    method: request.method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers,
    body: bodyBytes === 0 ? undefined : request.body,
    bodyBytes,
  };
}
