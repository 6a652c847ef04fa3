// The OpenAPI document: well formed as OpenAPI 3.1 asks, complete, and true to the schemas that validate.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { clientRoutes } from "../../../functions/api/clients.ts";
import type { ApiDeps } from "../../../functions/api/deps.ts";
import { resultRoutes } from "../../../functions/api/results.ts";
import { runRoutes } from "../../../functions/api/runs.ts";
import type { Principal } from "../../../shared/cloud/auth/verifyIdToken.ts";
import { Instant } from "../../../shared/core/schemas/ids.ts";
import { openApi } from "../../../shared/http/openapi.ts";
import { type AnyRoute, route } from "../../../shared/http/routes.ts";

type Json = Readonly<Record<string, unknown>>;

const info = { title: "Test", version: "1", description: "For tests." };
const unused = {} as ApiDeps; // A description calls nothing.
const apiRoutes: readonly AnyRoute<Principal>[] = [
  ...clientRoutes(unused),
  ...runRoutes(unused, {}),
  ...resultRoutes(unused),
];
const api = openApi(info, apiRoutes);

/** The value at a JSON pointer, or undefined. */
function at(document: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>(
      (value, key) => (isJson(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      document,
    );
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

function object(value: unknown): Json {
  if (!isJson(value)) throw new Error(`not an object: ${JSON.stringify(value)}`);
  return value;
}

/** Every object in the document, with its pointer. */
function objects(value: unknown, pointer = ""): [string, Json][] {
  if (!isJson(value)) return [];
  const inner = Object.entries(value).flatMap(([key, item]) =>
    objects(item, `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
  return Array.isArray(value) ? inner : [[pointer, value], ...inner];
}

/** What the specification of OpenAPI 3.1 asks of the parts that we use. */
function problemsOf(document: Json): string[] {
  const problems: string[] = [];
  const need = (condition: boolean, problem: string) => {
    if (!condition) problems.push(problem);
  };
  need(/^3\.1\.\d+$/.test(`${document["openapi"]}`), "version");
  for (const key of ["title", "version"])
    need(typeof object(document["info"])[key] === "string", `info.${key}`);
  for (const kind of Object.values(object(document["components"]))) {
    for (const name of Object.keys(object(kind))) need(/^[A-Za-z0-9._-]+$/.test(name), `component ${name}`);
  }
  for (const [pointer, { $ref, $defs, $schema, id }] of objects(document)) {
    if (typeof $ref === "string") need(at(document, $ref.slice(1)) !== undefined, `${pointer}: ${$ref}`);
    need($defs === undefined && $schema === undefined, `${pointer}: a schema of its own`);
    need(typeof id !== "string", `${pointer}: an id that is not a keyword`);
  }
  const operationIds: unknown[] = [];
  for (const [path, methods] of Object.entries(object(document["paths"]))) {
    need(path.startsWith("/"), `path ${path}`);
    for (const [method, value] of Object.entries(object(methods))) {
      const where = `${method} ${path}`;
      const operation = object(value);
      need(["get", "post", "patch", "delete"].includes(method), where);
      need(typeof operation["summary"] === "string" && operation["summary"] !== "", `${where}: summary`);
      operationIds.push(operation["operationId"]);
      need(/^[a-z][a-zA-Z]+$/.test(`${operation["operationId"]}`), `${where}: operationId`);
      const parameters = Object.values(object(operation["parameters"] ?? {})).map(object);
      const inPath = parameters.filter((one) => one["in"] === "path").map((one) => `{${one["name"]}}`);
      need(JSON.stringify(inPath) === JSON.stringify(path.match(/\{\w+\}/g) ?? []), `${where}: ${inPath}`);
      for (const one of parameters) {
        need(
          isJson(one["schema"]) && Object.keys(one["schema"]).length > 0,
          `${where}: schema of ${one["name"]}`,
        );
        need(one["in"] !== "path" || one["required"] === true, `${where}: ${one["name"]} must be required`);
      }
      const responses = object(operation["responses"]);
      need(
        Object.keys(responses).some((status) => status.startsWith("2")),
        `${where}: no success`,
      );
      for (const [status, response] of Object.entries(responses)) {
        const { $ref, description } = object(response);
        need(/^[1-5]\d\d$/.test(status), `${where}: status ${status}`);
        need(typeof $ref === "string" || typeof description === "string", `${where}: ${status}`);
      }
    }
  }
  need(new Set(operationIds).size === operationIds.length, `operationIds ${operationIds.toSorted()}`);
  for (const requirement of Object.values(object(document["security"]))) {
    for (const scheme of Object.keys(object(requirement)))
      need(at(document, `/components/securitySchemes/${scheme}`) !== undefined, `security ${scheme}`);
  }
  return problems;
}

describe("the api's description", () => {
  it("is OpenAPI 3.1", () => {
    expect(problemsOf(api)).toEqual([]);
    expect(JSON.parse(JSON.stringify(api)), "and JSON").toEqual(api);
  });

  it("has every route, with its answer, its body and where an Idempotency-Key is taken", () => {
    const described = Object.entries(object(api["paths"])).flatMap(([path, methods]) =>
      Object.keys(object(methods)).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.toSorted()).toEqual(apiRoutes.map(({ method, path }) => `${method} ${path}`).toSorted());
    for (const { method, path, body, answer, idempotent } of apiRoutes) {
      const operation = object(object(object(api["paths"])[path])[method.toLowerCase()]);
      expect(Object.keys(object(operation["responses"]))).toContain(`${answer.status}`);
      expect("requestBody" in operation, path).toBe(body !== undefined);
      expect(JSON.stringify(operation["parameters"] ?? []).includes("Idempotency-Key"), path).toBe(
        idempotent === true,
      );
    }
  });

  it("every POST that changes anything honours an Idempotency-Key", () => {
    for (const { method, path, idempotent } of apiRoutes)
      expect(idempotent === true, path).toBe(method === "POST" && path !== "/v1/runs/check");
  });

  it("gives the bounds of path parameters", () => {
    const { parameters } = object(object(object(api["paths"])["/v1/runs/{runId}/rounds/{round}"])["get"]);
    expect(parameters).toContainEqual({
      name: "round",
      in: "path",
      required: true,
      schema: { type: "integer", minimum: 1, maximum: 9_999 },
    });
  });

  it("names what a caller may have done wrong, and when to come again", () => {
    const responses = object(object(api["components"])["responses"]);
    for (const status of [400, 401, 403, 404, 409, 413, 415, 429, 500, 503]) {
      const headers = object(object(responses[status])["headers"] ?? {});
      expect("Retry-After" in headers, `${status}`).toBe(status === 429 || status === 503);
    }
  });
});

describe("openApi", () => {
  const Part = z.strictObject({ seenAt: Instant }).meta({ id: "Part" });
  const Whole = z.strictObject({ part: Part, parts: z.array(Part), note: z.string().default("x") });
  const post = route<string>()({
    method: "POST",
    path: "/v1/things/{thingId}/parts",
    operationId: "makePart",
    summary: "Make.",
    params: z.strictObject({ thingId: z.string() }),
    query: z.strictObject({ dry: z.enum(["yes", "no"]), limit: z.coerce.number().int().default(3) }),
    body: Whole,
    answer: { status: 201, schema: Whole },
    run: async ({ body }) => body,
  });
  const document = openApi(info, [post]);
  const operation = object(object(object(document["paths"])[post.path])["post"]);

  it("describes values as they are sent: moments as text, defaults as optional", () => {
    expect(problemsOf(document)).toEqual([]);
    const schema = at(operation, "/requestBody/content/application~1json/schema");
    expect(schema).toMatchObject({
      required: ["part", "parts"],
      properties: {
        part: { $ref: "#/components/schemas/Part" },
        parts: { items: { $ref: "#/components/schemas/Part" } },
        note: { default: "x" },
      },
      additionalProperties: false,
    });
    expect(at(document, "/components/schemas/Instant")).toMatchObject({
      type: "string",
      format: "date-time",
    });
  });

  it("distinguishes required parameters from optional ones", () => {
    const required = Object.values(object(operation["parameters"])).map((one) => {
      const { name, in: place, required: must } = object(one);
      return [name, place, must];
    });
    expect(required).toEqual([
      ["thingId", "path", true],
      ["dry", "query", true],
      ["limit", "query", false],
    ]);
  });

  it("names operations by hand: one without a name is refused", () => {
    expect(at(document, "/paths/~1v1~1things~1{thingId}~1parts/post/operationId")).toBe("makePart");
    const { operationId: _name, ...nameless } = post;
    expect(() => openApi(info, [nameless])).toThrow("POST /v1/things/{thingId}/parts has no operationId");
  });

  it("a check that could not fail would be none", () => {
    const broken = JSON.parse(JSON.stringify(document).replace("schemas/Part", "schemas/Gone"));
    expect(problemsOf(broken)).toHaveLength(1);
  });
});

describe("what a description has beside its routes", () => {
  const more = {
    url: "https://api.example.org",
    tags: { clients: "Clients.", runs: "Runs.", rounds: "Rounds." },
    examples: {
      "GET /v1/runs/{runId}/rounds/{round}": { params: { runId: "r", round: 2 }, answer: { round: 2 } },
      "GET /v1/runs": { query: { limit: 5 }, answer: { items: [] } },
      "PATCH /v1/runs/{runId}": { params: { runId: "r" }, body: { notes: "n" }, answer: { runId: "r" } },
    },
  };
  const document = openApi(info, apiRoutes, more);
  const operation = (method: string, path: string) =>
    object(at(document, `/paths/${path.replaceAll("~", "~0").replaceAll("/", "~1")}/${method}`));

  it("is its address and its tags, and each route has that of the last noun in its path", () => {
    expect(problemsOf(document)).toEqual([]);
    expect(document["servers"]).toEqual([{ url: "https://api.example.org" }]);
    expect(document["tags"]).toContainEqual({ name: "rounds", description: "Rounds." });
    expect(operation("get", "/v1/runs")["tags"]).toEqual(["runs"]);
    expect(operation("get", "/v1/runs/{runId}/rounds/{round}")["tags"]).toEqual(["rounds"]);
    expect(operation("get", "/v1/runs/{runId}/topology")["tags"]).toEqual(["runs"]);
    for (const key of ["servers", "tags"]) expect(api).not.toHaveProperty(key);
    expect(object(at(api, "/paths/~1v1~1runs/get"))).not.toHaveProperty("tags");
  });

  it("is an example of each parameter, body and answer that there is one of", () => {
    const read = operation("get", "/v1/runs/{runId}/rounds/{round}");
    expect(read["parameters"]).toMatchObject([
      { name: "runId", example: "r" },
      { name: "round", example: 2 },
    ]);
    expect(at(read, "/responses/200/content/application~1json/example")).toEqual({ round: 2 });
    const listed = operation("get", "/v1/runs")["parameters"] as readonly Json[];
    expect(listed.filter((parameter) => "example" in parameter)).toMatchObject([
      { name: "limit", example: 5 },
    ]);
    const changed = operation("patch", "/v1/runs/{runId}");
    expect(at(changed, "/requestBody/content/application~1json/example")).toEqual({ notes: "n" });
    expect(at(operation("post", "/v1/runs"), "/requestBody/content/application~1json")).not.toHaveProperty(
      "example",
    );
  });
});
