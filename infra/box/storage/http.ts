// What every handler of the storage server gets, how a request finds its handler, and small answers.
import type { IncomingMessage, ServerResponse } from "node:http";
import { json as readJson } from "node:stream/consumers";
import type { Access } from "./access.ts";
import type { BlobFolder } from "./blobFolder.ts";
import type { ObjectTable, Preconditions } from "./objectTable.ts";
import { StorageError } from "./storageError.ts";

/** The server's parts. */
export interface Storage {
  readonly table: ObjectTable;
  readonly blobs: BlobFolder;
  readonly access: Access;
  readonly nowMs: () => number;
}

export interface Call extends Storage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** As sent: still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The decoded parts of the path that the route named. */
  readonly params: Readonly<Record<string, string>>;
}

export type Handler = (call: Call) => Promise<void> | void;

/** A method and a path such as `/storage/v1/b/:bucket/o/:object`. */
export type Route = readonly [method: string, pattern: string, handler: Handler];

/** The handler for a path and its parameters, or undefined. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { handler: Handler; params: Record<string, string> } | undefined {
  const parts = path.split("/");
  for (const [routeMethod, pattern, handler] of routes) {
    const params = routeMethod === method ? match(pattern.split("/"), parts) : undefined;
    if (params !== undefined) return { handler, params };
  }
  return undefined;
}

function match(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index] ?? "";
    if (expected.startsWith(":")) params[expected.slice(1)] = decode(part);
    else if (expected !== part) return undefined;
  }
  return params;
}

/** Undoes percent-encoding. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StorageError("invalid", "The path is not valid percent-encoded UTF-8.");
  }
}

export function param({ params }: Call, name: string): string {
  const value = params[name];
  if (value === undefined) throw new Error(`The route has no parameter ${name}.`);
  return value;
}

/** The conditions in a query. */
export function preconditions(query: URLSearchParams): Preconditions {
  const found: Record<string, string> = {};
  for (const name of [
    "GenerationMatch",
    "GenerationNotMatch",
    "MetagenerationMatch",
    "MetagenerationNotMatch",
  ]) {
    const value = query.get(`if${name}`);
    if (value !== null && !/^\d+$/.test(value))
      throw new StorageError("invalid", `Invalid value for if${name}.`);
    if (value !== null) found[`if${name}`] = value;
  }
  return found;
}

/** The request's body as a JSON object; an empty one counts as `{}`. */
export async function jsonBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  if (request.headers["content-length"] === "0") return {};
  return asObject(await readJson(request).catch(() => undefined));
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new StorageError("invalid", "The body must be a JSON object.");
  return { ...value };
}

export function sendJson({ response }: Call, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json; charset=UTF-8" });
  response.end(JSON.stringify(body));
}
