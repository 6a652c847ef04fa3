// Routes: a table of method, path and schemas from which requests are dispatched and the OpenAPI document is
// made.
import * as z from "zod";
import { FlError } from "../core/errors.ts";
import { emptyBody, jsonBody } from "./body.ts";
import type { HttpRequest, HttpResponse } from "./message.ts";
import { parse, type Sender } from "./parse.ts";

export interface RouteInput<Params, Query, Body, Caller> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The body's JSON as it was sent, before its schema. */
  readonly json: unknown;
  readonly caller: Caller;
  readonly request: HttpRequest;
}

/** What a route is, and what it does with input that fulfils its schemas. */
export interface Route<Caller, Params = unknown, Query = unknown, Body = unknown, Answer = unknown> {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Segments in braces are parameters: `/v1/runs/{runId}`. */
  readonly path: string;
  readonly summary: string;
  /** What generated clients name it: a verb and what it is about, such as `listRuns`. */
  readonly operationId?: string;
  readonly params: z.ZodType<Params>;
  readonly query: z.ZodType<Query>;
  /** Absent where the route takes no body. */
  readonly body?: z.ZodType<Body>;
  /** Bytes of a body, at most; 64 KiB where absent. */
  readonly maxBodyBytes?: number;
  readonly answer: { readonly status: number; readonly schema: z.ZodType<Answer> };
  /** Whether anybody may call it: its caller is not asked for. */
  readonly isOpen?: boolean;
  /** Whether the route honours an Idempotency-Key header. */
  readonly idempotent?: boolean;
  run(input: RouteInput<Params, Query, Body, Caller>): Promise<Answer | Kept>;
}

/** An answer that is written already, as its schema says, and never changes: callers may keep it for good. */
export class Kept {
  readonly json: Uint8Array;

  /** @param json in UTF-8. */
  constructor(json: Uint8Array) {
    this.json = json;
  }
}

const FOR_GOOD = { "cache-control": "private, max-age=31536000, immutable" };

/** A route whose own types are hidden, so that routes of all types fit one table. */
export interface AnyRoute<Caller> extends Omit<Route<Caller>, "run"> {
  handle(
    request: HttpRequest,
    rawParams: Readonly<Record<string, string>>,
    caller: Caller,
  ): Promise<HttpResponse>;
}

export const NoParams = z.strictObject({});
export const NoQuery = z.strictObject({});

/** What a route accepts that does not say otherwise: many times what the largest report has. */
const MAX_JSON_BYTES = 64 * 1024;

/** @param sender of the bodies. */
export function route<Caller>(sender: Sender = "people") {
  return <Params, Query, Body, Answer>(
    spec: Route<Caller, Params, Query, Body, Answer>,
  ): AnyRoute<Caller> => {
    const { run: _run, ...described } = spec;
    return {
      ...described,
      handle: async (request, rawParams, caller) => {
        const params = parse(spec.params, rawParams, "path");
        const query = parse(spec.query, request.query, "query");
        const json = await (spec.body === undefined ? emptyBody : jsonBody)(
          request,
          spec.maxBodyBytes ?? MAX_JSON_BYTES,
        );
        const body = spec.body === undefined ? (undefined as Body) : parse(spec.body, json, "", sender);
        const input = { params, query, body, json, caller, request };
        const answer = await spec.run(input);
        const { status } = spec.answer;
        if (answer instanceof Kept) return { status, json: answer.json, headers: FOR_GOOD };
        return { status, body: z.encode(spec.answer.schema, answer) };
      },
    };
  };
}

/** The open route of a request; null where its caller has to be known. */
export function openRoute<Caller>(
  routes: readonly AnyRoute<Caller>[],
  request: HttpRequest,
): AnyRoute<Caller> | null {
  const hits = hitsOf(routes, request.path).map((hit) => hit.route);
  return hits.find((hit) => hit.isOpen === true && hit.method === request.method) ?? null;
}

/**
 * The route of a request and its parameters.
 *
 * @throws FlError("not-found") for an unknown path, FlError("method-not-allowed") for a known one with
 *   another method.
 */
export function match<Caller>(
  routes: readonly AnyRoute<Caller>[],
  request: HttpRequest,
): { readonly route: AnyRoute<Caller>; readonly params: Readonly<Record<string, string>> } {
  const hits = hitsOf(routes, request.path);
  const hit = hits.find((candidate) => candidate.route.method === request.method);
  if (hit !== undefined) return hit;
  if (hits.length === 0) throw new FlError("not-found", "There is nothing at this path; see /openapi.json.");
  const allowed = allowedMethods(routes, request.path).join(", ");
  throw new FlError("method-not-allowed", `This path takes ${allowed}.`);
}

/** The methods of all routes with this path. */
export function allowedMethods<Caller>(routes: readonly AnyRoute<Caller>[], path: string): readonly string[] {
  return hitsOf(routes, path).map((hit) => hit.route.method);
}

function hitsOf<Caller>(routes: readonly AnyRoute<Caller>[], path: string) {
  return routes.flatMap((route) => {
    const params = matchPath(route.path, path);
    return params === null ? [] : [{ route, params }];
  });
}

function matchPath(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split("/");
  const have = path.split("/");
  if (want.length !== have.length) return null;
  const params: Record<string, string> = {};
  for (const [index, segment] of want.entries()) {
    const value = have[index] ?? "";
    if (segment.startsWith("{")) {
      const decoded = decodeSegment(value);
      if (decoded === null || decoded === "") return null;
      params[segment.slice(1, -1)] = decoded;
    } else if (segment !== value) {
      return null;
    }
  }
  return params;
}

/** Null for a segment that is no valid percent-encoding. */
function decodeSegment(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
