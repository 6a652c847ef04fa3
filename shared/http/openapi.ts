// The OpenAPI 3.1 document of a route table: made of the very schemas that validate, so it cannot be out of
// date.
import * as z from "zod";
import type { AnyRoute } from "./routes.ts";

type Json = Record<string, unknown>;

interface ApiInfo {
  readonly title: string;
  readonly version: string;
  readonly description: string;
}

/** Every status that an error can have, and what it means to a caller. */
const ERRORS: Readonly<Record<string, string>> = {
  400: "The request has problems; all of them are listed by path.",
  401: "No valid identity token.",
  403: "The caller may not do this.",
  404: "Not found.",
  409: "Not possible in the present status, which the message names, or a name is taken.",
  413: "The body is too large.",
  415: "The body is not application/json.",
  429: "Too many requests; see Retry-After.",
  500: "Internal error; the log has the details.",
  503: "Not possible right now; see Retry-After.",
};

const NOT_CHANGED = {
  description: "The answer is still the one whose ETag is in If-None-Match; it has no body.",
};

const ErrorBody = z
  .strictObject({
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      problems: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
    }),
  })
  .meta({ id: "Error" });

/** The JSON schema of what is sent (`input`), or of what is made of it. */
type SchemaOf = (schema: z.ZodType, io?: "input" | "output") => Json;

/** What was sent and answered when a route was called once. */
interface Example {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly answer: unknown;
}

export interface More {
  /** The address that callers use. */
  readonly url?: string;
  /** Groups of routes, by a noun of their paths and what it is. */
  readonly tags?: Readonly<Record<string, string>>;
  /** By method and path, such as `GET /v1/runs`. */
  readonly examples?: Readonly<Record<string, Example>>;
}

export function openApi<Caller>(info: ApiInfo, routes: readonly AnyRoute<Caller>[], more: More = {}): Json {
  const schemas: Json = {};
  const schemaOf: SchemaOf = (schema, io = "input") => hoist(z.toJSONSchema(schema, { io }) as Json, schemas);
  const error = schemaOf(ErrorBody);
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const operations = paths[route.path] ?? {};
    operations[route.method.toLowerCase()] = operation(route, schemaOf, more);
    paths[route.path] = operations;
  }
  return {
    openapi: "3.1.0",
    info,
    ...(more.url === undefined ? {} : { servers: [{ url: more.url }] }),
    ...(more.tags === undefined
      ? {}
      : { tags: Object.entries(more.tags).map(([name, description]) => ({ name, description })) }),
    security: [{ identityToken: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        identityToken: {
          type: "http",
          scheme: "bearer",
          description: "A Google-signed identity token for this address.",
        },
      },
      responses: Object.fromEntries(
        Object.entries(ERRORS).map(([status, description]) => [
          status,
          {
            description,
            content: { "application/json": { schema: error } },
            ...(status === "429" || status === "503"
              ? {
                  headers: {
                    "Retry-After": { schema: { type: "integer" }, description: "Seconds to wait." },
                  },
                }
              : {}),
          },
        ]),
      ),
    },
  };
}

function operation<Caller>(route: AnyRoute<Caller>, schemaOf: SchemaOf, { tags, examples }: More): Json {
  const example = examples?.[`${route.method} ${route.path}`];
  const tag = tags === undefined ? undefined : tagOf(route.path, tags);
  const parameters = [
    ...parametersOf(route.params, "path", schemaOf, example?.params),
    ...parametersOf(route.query, "query", schemaOf, example?.query),
    ...(route.idempotent === true
      ? [
          {
            name: "Idempotency-Key",
            in: "header",
            required: false,
            schema: { type: "string", minLength: 1, maxLength: 200 },
            description: "Repeating a request with the same key within a day has no further effect.",
          },
        ]
      : []),
  ];
  return {
    summary: route.summary,
    operationId: operationId(route),
    ...(tag === undefined ? {} : { tags: [tag] }),
    ...(route.isOpen === true ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: jsonContent(schemaOf(route.body), example?.body),
          },
        }),
    responses: {
      [route.answer.status]: {
        description: "Done.",
        content: jsonContent(schemaOf(route.answer.schema), example?.answer),
      },
      ...(route.method === "GET" ? { 304: NOT_CHANGED } : {}),
      ...Object.fromEntries(
        Object.keys(ERRORS).map((status) => [status, { $ref: `#/components/responses/${status}` }]),
      ),
    },
  };
}

function jsonContent(schema: Json, example: unknown): Json {
  return { "application/json": { schema, ...(example === undefined ? {} : { example }) } };
}

/** The last noun of the path that is a tag: what the route is about is below what it is part of. */
function tagOf(path: string, tags: Readonly<Record<string, string>>): string | undefined {
  return path.split("/").findLast((part) => Object.hasOwn(tags, part));
}

function parametersOf(
  schema: z.ZodType,
  place: "path" | "query",
  schemaOf: SchemaOf,
  examples: Readonly<Record<string, unknown>> = {},
): Json[] {
  // A number in a path is text until it is parsed; its bounds are those of the number.
  const { properties, required } = schemaOf(schema, place === "path" ? "output" : "input") as {
    properties?: Json;
    required?: string[];
  };
  return Object.entries(properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || (required ?? []).includes(name),
    schema: property,
    ...(Object.hasOwn(examples, name) ? { example: examples[name] } : {}),
  }));
}

/** @throws Error for a route without one: what programs call by name is named by hand. */
function operationId<Caller>({ operationId, method, path }: AnyRoute<Caller>): string {
  if (operationId === undefined) throw new Error(`The route ${method} ${path} has no operationId.`);
  return operationId;
}

/** Moves a schema's definitions to the document's components and points its references there. */
function hoist(schema: Json, components: Json): Json {
  const {
    $schema: _dialect,
    $defs,
    ...rest
  } = schema as { $schema?: unknown; $defs?: Record<string, Json> } & Json;
  for (const [name, definition] of Object.entries($defs ?? {})) {
    const { id: _id, ...body } = definition;
    components[name] = pointed(body);
  }
  return pointed(rest) as Json;
}

function pointed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "$ref" && typeof item === "string"
        ? item.replace("#/$defs/", "#/components/schemas/")
        : pointed(item),
    ]),
  );
}
