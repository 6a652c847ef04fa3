// Routes: which one a request meets, what it takes, and what it answers.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { Instant } from "../../../shared/core/schemas/ids.ts";
import { type AnyRoute, match, NoParams, NoQuery, route } from "../../../shared/http/routes.ts";
import { deepFreeze, T0 } from "../../support/builders.ts";
import { refusal, refusalOf } from "../../support/refusal.ts";
import { CALLER, request } from "./requests.ts";

const define = route<string>();
const read = define({
  method: "GET",
  path: "/v1/runs/{runId}/rounds/{round}",
  summary: "Read.",
  params: z.strictObject({ runId: z.string(), round: z.coerce.number().int().min(1) }),
  query: z.strictObject({ limit: z.coerce.number().int().max(10).default(5) }),
  answer: { status: 200, schema: z.strictObject({ echo: z.unknown(), at: Instant }) },
  run: async ({ params, query, body, caller }) => ({
    echo: { params, query, body: body ?? null, caller },
    at: T0,
  }),
});
const write = define({
  method: "POST",
  path: "/v1/runs",
  summary: "Write.",
  params: NoParams,
  query: NoQuery,
  body: z.strictObject({ name: z.string().optional() }),
  answer: { status: 201, schema: z.strictObject({ name: z.string().nullable() }) },
  run: async ({ body }) => ({ name: body.name ?? null }),
});
const list = define({
  method: "GET",
  path: "/v1/runs",
  summary: "List.",
  params: NoParams,
  query: NoQuery,
  answer: { status: 200, schema: z.array(z.string()) },
  run: async () => [],
});
const fixed = define({ ...describing("/v1/runs/latest"), run: async () => ["latest"] });
const routes: readonly AnyRoute<string>[] = [write, list, read, fixed];

function describing(path: string) {
  return {
    method: "GET" as const,
    path,
    summary: "x",
    params: NoParams,
    query: NoQuery,
    answer: { status: 200, schema: z.array(z.string()) },
  };
}

const met = (method: string, path: string) => match(routes, request({ method, path }));

describe("match", () => {
  it.each([
    ["GET", "/v1/runs", list, {}],
    ["POST", "/v1/runs", write, {}],
    ["GET", "/v1/runs/latest", fixed, {}],
    ["GET", "/v1/runs/a/rounds/7", read, { runId: "a", round: "7" }],
    ["GET", "/v1/runs/a%2Fb%20c/rounds/%37", read, { runId: "a/b c", round: "7" }],
    ["GET", "/v1/runs/%C3%A9/rounds/x", read, { runId: "é", round: "x" }],
    ["GET", "/v1/runs/__proto__/rounds/1", read, { runId: "__proto__", round: "1" }],
  ])("%s %s", (method, path, expected, params) => {
    const hit = met(method, path);
    expect(hit.route).toBe(expected);
    expect({ ...hit.params }).toEqual(params);
  });

  it.each([
    "/",
    "",
    "/v1",
    "/v1/runs/",
    "/v1//runs",
    "/V1/runs",
    "/v1/runs/a",
    "/v1/runs//rounds/1",
    "/v1/runs/%ZZ/rounds/1",
    "/v1/runs/%C3/rounds/1",
    "/v1/runs/a/b/rounds/1",
    "/v1%2Fruns",
    "/v1/r%75ns",
  ])("nothing is at %j", (path) => {
    const error = refusal(() => met("GET", path));
    expect(error).toMatchObject({ code: "not-found", retry: "never" });
  });

  it.each(["PUT", "DELETE", "HEAD", "get", ""])("%j is not a method of a path that others have", (method) => {
    const error = refusal(() => met(method, "/v1/runs"));
    expect(error.code).toBe("method-not-allowed");
    expect(error.message).toBe("This path takes POST, GET.");
  });
});

describe("a route's input", () => {
  it("is parsed, and its answer encoded", async () => {
    const asked = deepFreeze(request({ query: { limit: "3" } }));
    expect(await read.handle(asked, { runId: "a", round: "7" }, CALLER)).toEqual({
      status: 200,
      body: {
        echo: { params: { runId: "a", round: 7 }, query: { limit: 3 }, body: null, caller: CALLER },
        at: "2026-03-01T12:00:00.000Z",
      },
    });
  });

  it("names the place of every problem", async () => {
    const params = refusalOf(() => read.handle(request(), { runId: "a", round: "0" }, CALLER));
    expect((await params).problems.map(({ path }) => path)).toEqual(["path.round"]);
    const query = request({ query: { limit: "11", color: "red" } });
    const listed = (await refusalOf(() => read.handle(query, { runId: "a", round: "1" }, CALLER))).problems;
    expect(listed.map(({ path }) => path)).toEqual(["query.limit", "query.color"]);
  });

  it("an answer that is not as promised is a fault of ours", async () => {
    const broken = define({ ...describing("/x"), run: async () => [JSON.parse("7")] });
    await expect(broken.handle(request(), {}, CALLER)).rejects.toThrow(z.core.$ZodError);
  });
});

describe("a body", () => {
  const post = (overrides: object) => write.handle(request({ method: "POST", ...overrides }), {}, CALLER);

  const utf8 = (text: string) => new TextEncoder().encode(text);

  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON;charset=UTF8",
    'application/json; charset="utf-8"',
  ])("is JSON in UTF-8: %s", async (type) => {
    const answer = await post({ body: { name: "x" }, headers: { "content-type": type } });
    expect(answer).toEqual({ status: 201, body: { name: "x" } });
  });

  it.each([
    "text/plain",
    "application/jsonp",
    "application/json-patch+json",
    "application/json, text/plain",
    "application/json; charset=utf-16",
    "application/json; charset=latin1",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
  ])("of the type %j is refused", async (type) => {
    const error = await refusalOf(() => post({ body: { name: "x" }, headers: { "content-type": type } }));
    expect(error.code).toBe("unsupported-media-type");
    expect(error.message).toContain("send it as content-type: application/json");
  });

  it("without a type is refused, and not taken for none", async () => {
    const error = await refusalOf(() => post({ body: { name: "x" }, headers: {} }));
    expect(error).toMatchObject({ code: "unsupported-media-type" });
    expect(error.message).toContain("has no content-type");
  });

  it("may be left out where nothing in it is needed", async () => {
    expect((await post({})).status).toBe(201);
    expect((await post({ headers: { "content-type": "text/plain" } })).status).toBe(201);
  });

  it.each(["null", "7", '"text"', "[]", "true"])("that is %s is refused as no object", async (text) => {
    const headers = { "content-type": "application/json" };
    const error = await refusalOf(() => post({ body: utf8(text), headers }));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain("must be an object");
  });

  it.each([
    "Infinity",
    "NaN",
    "undefined",
    "{hunter2",
    "{'name': 1}",
    "{} {}",
    "\u0000",
    " ",
    "[".repeat(1_000),
  ])("that is not JSON (%s) is refused without a word of it", async (text) => {
    const headers = { "content-type": "application/json" };
    const error = await refusalOf(() => post({ body: utf8(text), headers }));
    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(error.message).toBe("The request has 1 problem: the body is not JSON.");
  });

  it("that is no UTF-8 is refused; with a byte order mark it is", async () => {
    const headers = { "content-type": "application/json" };
    const error = await refusalOf(() => post({ body: new Uint8Array([0x22, 0xff, 0x22]), headers }));
    expect(error.message).toContain("not UTF-8");
    expect((await post({ body: utf8('\ufeff{"name":"x"}'), headers })).status).toBe(201);
  });

  it("with a number beyond all numbers is refused by its path", async () => {
    const headers = { "content-type": "application/json" };
    const error = await refusalOf(() => post({ body: utf8('{"name": 1e999}'), headers }));
    expect(error.problems).toEqual([expect.objectContaining({ path: "name" })]);
  });

  it("is at most 64 KiB, or what the route says", async () => {
    const bodyOf = (bytes: number) => utf8(`{"name":"x"${" ".repeat(bytes - 12)}}`);
    const headers = { "content-type": "application/json" };
    expect((await post({ body: bodyOf(65_536), headers })).status).toBe(201);
    expect(await refusalOf(() => post({ body: bodyOf(65_537), headers }))).toMatchObject({
      code: "too-large",
    });
    const large = define({
      ...describing("/large"),
      method: "POST",
      body: z.strictObject({ name: z.string() }),
      maxBodyBytes: 100_000,
      run: async () => [],
    });
    const sent = (bytes: number) =>
      large.handle(request({ method: "POST", body: bodyOf(bytes), headers }), {}, CALLER);
    expect((await sent(100_000)).status).toBe(200);
    expect(await refusalOf(() => sent(100_001))).toMatchObject({ code: "too-large" });
  });

  it.each(["", "{}", "{ }", "\n{\n}\n", "  "])("%j is none", async (text) => {
    expect((await list.handle(request({ body: utf8(text) }), {}, CALLER)).status).toBe(200);
  });

  it.each(["[]", "null", "{}{}", '{"a":1}', "x"])("%j is refused where a call takes none", async (text) => {
    const error = await refusalOf(() => list.handle(request({ body: utf8(text) }), {}, CALLER));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain("takes no body");
  });
});
