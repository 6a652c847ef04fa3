// From Node's requests to ours and back. A body is not read before it is needed, which is after
// the caller is known.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { emitStep } from "../cloud/steps.ts";
import { withinTrace } from "../cloud/trace.ts";
import { FlError } from "../core/errors.ts";
import { errorResponse } from "./errors.ts";
import type { Handler, HttpRequest, HttpResponse } from "./message.ts";
import { type Representation, representation } from "./representation.ts";

/** Bytes of all bodies that an instance holds at a time: a sixteenth of the smallest function's memory. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;

interface ListenerOptions {
  /** The handler, connected; asked for with every request. */
  readonly handler: () => Promise<Handler>;
  /** Called with what no handler may throw: for the log. */
  readonly onError: (error: unknown) => void;
  /** Called when a request begins; what it returns, when it has ended. */
  readonly begin?: () => () => void;
}

/** Whatever happens, the answer is JSON, and nothing of a body is in it. */
export function requestListener({ handler, onError, begin }: ListenerOptions): RequestListener {
  const held = { bytes: 0 };
  return (request, response) => {
    if (begin !== undefined) response.once("close", begin());
    answer(request, response).catch(onError);
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answered: HttpResponse;
    let headers: HttpRequest["headers"] = {};
    try {
      const ours = toRequest(request, response, held);
      ({ headers } = ours);
      const connected = await handler();
      answered = await withinTrace(ours.headers, () => connected(ours));
      emitStep(`answer ${ours.path}`, "before");
      response.once("finish", () => emitStep(`answer ${ours.path}`, "after"));
    } catch (error) {
      if (!(error instanceof FlError)) onError(error);
      answered = errorResponse(error);
    }
    const method = request.method ?? "GET";
    await send(request, response, await representation({ method, headers }, answered));
  }
}

/**
 * How long what still comes of a refused body is waited for, at most. A caller whose connection breaks in
 * sending sees no answer.
 */
const LINGER_MS = 5_000;

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, bytes }: Representation,
): Promise<void> {
  response.writeHead(status, { ...headers });
  if (!request.complete) {
    if (bytes !== undefined) response.write(bytes);
    await discarded(request);
    response.end();
  } else {
    response.end(bytes);
  }
}

function discarded(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    request.once("end", done).once("error", done).once("close", done).resume();
  });
}

function toRequest(request: IncomingMessage, response: ServerResponse, held: { bytes: number }): HttpRequest {
  const url = urlOf(request.url ?? "/");
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : `${value}`,
    ]),
  );
  // Of two tokens the caller must not choose which one we see: of this header, Node's `headers` keep the
  // first only.
  const tokens = request.headersDistinct["authorization"];
  if (tokens !== undefined) headers["authorization"] = tokens.join(", ");
  return {
    method: request.method ?? "GET",
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers,
    readBody: (maxBytes) => readBody(request, response, maxBytes, held),
  };
}

function urlOf(target: string): URL {
  const url = URL.parse(`http://function${target}`); // Not a base: `//a/b` would be a host.
  if (target.startsWith("/") && url !== null) return url;
  throw new FlError("invalid-argument", "The request's target is not a path.");
}

/**
 * The whole body, as it came.
 *
 * @throws FlError("unsupported-media-type") for an encoded one, FlError("too-large") for one beyond
 *   `maxBytes`, announced or not, FlError("resource-exhausted") while the instance holds too many others,
 *   FlError("invalid-argument") for one cut off.
 */
async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  held: { bytes: number },
): Promise<Uint8Array> {
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    throw new FlError("unsupported-media-type", "Send the body as it is, without a content-encoding.");
  }
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const parts: Buffer[] = [];
  let bytes = 0;
  const hold = (more: number) => {
    bytes += more;
    held.bytes += more;
  };
  response.once("close", () => {
    held.bytes -= bytes;
  });
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: FlError) => {
      parts.length = 0;
      request.off("data", take);
      reject(error);
    };
    const take = (part: Buffer) => {
      if (bytes + part.byteLength > maxBytes) return refuse(tooLarge(maxBytes));
      if (held.bytes + part.byteLength > MAX_HELD_BYTES) {
        return refuse(new FlError("resource-exhausted", "Too many large requests at once: try again."));
      }
      hold(part.byteLength);
      parts.push(part);
    };
    const cutOff = () => reject(new FlError("invalid-argument", "The body was cut off."));
    request.on("data", take).once("end", resolve).once("error", cutOff).once("close", cutOff);
  });
  return Buffer.concat(parts);
}

function tooLarge(maxBytes: number): FlError {
  return new FlError("too-large", `The body is too large: at most ${maxBytes} bytes are taken.`);
}
