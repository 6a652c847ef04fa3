// The only place that touches the functions framework: its request becomes ours, our response becomes its.
import { http } from "@google-cloud/functions-framework";
import { createLogger } from "../cloud/log.ts";
import { errorResponse } from "./errors.ts";
import type { Handler, HttpRequest, HttpResponse } from "./message.ts";

/**
 * Registers a function under its deployed name. `connect` runs once, on the first request: what is loaded before that is
 * the cold start. A failed connect is tried again by the next request; why it failed is for the log only, because nobody
 * knows yet who is calling.
 */
export function serve(name: string, connect: () => Promise<Handler>): void {
  const log = createLogger({ function: name });
  let handler: Promise<Handler> | null = null;
  const connected = () => {
    handler ??= connect().catch((error: unknown) => {
      handler = null;
      throw error;
    });
    return handler;
  };
  http(name, async (request, response) => {
    let answer: HttpResponse;
    try {
      answer = await (await connected())(toRequest(request));
    } catch (error) {
      log.error("the function cannot answer", { path: request.path, error });
      answer = errorResponse(undefined);
    }
    response.status(answer.status).set({ ...answer.headers });
    if (answer.body === undefined) response.end();
    else response.json(answer.body);
  });
}

interface FrameworkRequest {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
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
