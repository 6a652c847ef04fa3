// Which headers pass between a caller and an instance.
import type { IncomingMessage } from "node:http";

/** Those that belong to one connection (RFC 9110 §7.6.1), besides what Connection itself names. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The request's headers for the instance, as a flat list of names and values: those of the caller, and where
 * it came from.
 *
 * @param replaced values in the place of the caller's, by name in lower case.
 */
export function requestHeaders(
  request: IncomingMessage,
  replaced: Readonly<Record<string, string>> = {},
): string[] {
  const headers = endToEnd(request)
    .filter(([name]) => !["expect", "x-forwarded-for", "x-forwarded-proto"].includes(name.toLowerCase()))
    .map(([name, value]): [string, string] => [name, replaced[name.toLowerCase()] ?? value]);
  const via = [request.headers["x-forwarded-for"], request.socket.remoteAddress]
    .flat()
    .filter(Boolean)
    .join(", ");
  headers.push(["X-Forwarded-For", via], ["X-Forwarded-Proto", "http"]);
  // We end the connection, never the instance: one that closes right after a fast answer breaks our last
  // write, and with it the answer that waits to be read.
  headers.push(["Connection", "keep-alive"]);
  // Node frames a body by the method; what the caller sent decides instead.
  if (request.headers["transfer-encoding"] !== undefined) headers.push(["Transfer-Encoding", "chunked"]);
  else if (request.headers["content-length"] === undefined && sendsBody(request)) {
    headers.push(["Content-Length", "0"]);
  }
  return headers.flat();
}

/** The answer's headers for the caller, as a flat list; repeated ones stay repeated. */
export function answerHeaders(answer: IncomingMessage): string[] {
  return endToEnd(answer).flat();
}

function sendsBody({ method }: IncomingMessage): boolean {
  return method === "POST" || method === "PUT" || method === "PATCH";
}

function endToEnd(message: IncomingMessage): [string, string][] {
  const named = (message.headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const dropped = new Set([...hopByHop, ...named]);
  const kept: [string, string][] = [];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? "";
    if (!dropped.has(name.toLowerCase())) kept.push([name, message.rawHeaders[i + 1] ?? ""]);
  }
  return kept;
}
