// The adapter to the functions framework over a real socket: what a handler is given, and what is sent.
import { EventEmitter } from "node:events";
import { request as send } from "node:http";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { HttpRequest, HttpResponse } from "../../../shared/http/message.ts";
import { serve } from "../../../shared/http/serve.ts";

let given: HttpRequest | undefined;
let answer: HttpResponse;
let connects = 0;
const domains: unknown[] = [];
serve("served", async () => {
  connects++;
  if (connects === 1) throw new Error("hunter2: the database is not there yet");
  return async (request) => {
    given = request;
    domains.push(Reflect.get(process, "domain"));
    await new Promise((resolve) => setImmediate(resolve));
    domains.push(Reflect.get(process, "domain"), Reflect.get(new EventEmitter(), "domain"));
    return answer;
  };
});
const server = getTestServer("served");
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  ({ port } = address);
});

afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

/** As it stands: no client tidies the path up. */
function call(
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string | string[]> = {},
): Promise<{ status: number | undefined; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = send({ host: "127.0.0.1", port, method, path, headers }, (response) => {
      let text = "";
      response.on("data", (part) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("serve", () => {
  it("a failed connect costs only its own request, and tells nobody why", async () => {
    answer = { status: 200 };
    const logged = vi.spyOn(console, "error").mockReturnValue(undefined);
    const failed = await call("GET", "/");
    expect(failed.status).toBe(500);
    expect(failed.text).not.toContain("hunter2");
    expect(logged).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("hunter2"));
    logged.mockClear(); // This line was wanted.
    expect((await call("GET", "/")).status).toBe(200);
    expect((await call("GET", "/")).status).toBe(200);
    expect(connects).toBe(2);
  });

  it("gives the request as it came", async () => {
    answer = { status: 201, headers: { "retry-after": "3" }, body: { runId: "r" } };
    const body = JSON.stringify({ name: "ä" });
    const response = await call("POST", "/v1/runs/a%2Fb?limit=2&cursor=x%20y&limit=3", body, {
      "Content-Type": "application/json; charset=utf-8",
      "X-Twice": ["one", "two"],
    });
    expect(given).toMatchObject({
      method: "POST",
      path: "/v1/runs/a%2Fb",
      query: { limit: "3", cursor: "x y" },
      body: { name: "ä" },
      bodyBytes: Buffer.byteLength(body),
    });
    expect(given?.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "x-twice": "one, two",
    });
    expect(response.status).toBe(201);
    expect(response.headers).toMatchObject({ "retry-after": "3" });
    expect(response.headers["content-type"]).toMatch(/^application\/json/);
    expect(JSON.parse(response.text)).toEqual({ runId: "r" });
  });

  it.each(["//v1/runs", "//evil.example.org/v1/runs", "///", "//"])(
    "takes no part of %s for a host",
    async (path) => {
      answer = { status: 200 };
      await call("GET", path);
      expect(given?.path).toBe(path);
    },
  );

  it("runs in no domain, and neither does what comes later", async () => {
    answer = { status: 200 };
    domains.length = 0;
    await Promise.all([call("GET", "/a"), call("GET", "/b")]);
    expect(domains.map((domain) => domain ?? "none")).toEqual(Array(6).fill("none"));
  });

  it("sends no body where there is none", async () => {
    answer = { status: 204 };
    const response = await call("GET", "/x");
    expect(response).toMatchObject({ status: 204, text: "" });
    expect(given).toMatchObject({ body: undefined, bodyBytes: 0, query: {} });
  });

  it("counts a body of another type, that a route may refuse it", async () => {
    answer = { status: 200 };
    await call("POST", "/x", "abc", { "content-type": "text/plain" });
    expect(given).toMatchObject({ bodyBytes: 3 });
  });

  it.each(["Authorization", "X-Serverless-Authorization"])("shows both of two %s headers", async (name) => {
    answer = { status: 200 };
    await call("GET", "/", undefined, { [name]: ["Bearer a", "Bearer b"] });
    expect(given?.headers[name.toLowerCase()]).toBe("Bearer a, Bearer b");
  });
});
