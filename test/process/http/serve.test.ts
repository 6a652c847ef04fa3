// The adapter to the functions framework over a real socket: what a handler is given, and what is sent.
import { EventEmitter } from "node:events";
import { request as send } from "node:http";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { HttpRequest, HttpResponse } from "../../../shared/http/message.ts";
import { serve } from "../../../shared/http/serve.ts";

let given: HttpRequest | undefined;
let body = "";
/** What a route would take; -1 leaves the body alone. */
let maxBytes = 1_000;
let answer: HttpResponse;
let connects = 0;
const domains: unknown[] = [];
serve("served", async () => {
  connects++;
  if (connects === 1) throw new Error("hunter2: the database is not there yet");
  return async (request) => {
    given = request;
    body = maxBytes < 0 ? "unread" : Buffer.from(await request.readBody(maxBytes)).toString();
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
  it("a failed connect costs only its own request, and the answer does not say why", async () => {
    answer = { status: 200 };
    const logged = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const failed = await call("GET", "/");
    expect(failed.status).toBe(500);
    expect(JSON.parse(failed.text)).toMatchObject({ error: { code: "internal" } });
    expect(failed.text).not.toContain("hunter2");
    expect(logged).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("hunter2"));
    logged.mockRestore(); // This line was wanted.
    expect((await call("GET", "/")).status).toBe(200);
    expect((await call("GET", "/")).status).toBe(200);
    expect(connects).toBe(2);
  });

  it("gives the request as it came", async () => {
    answer = { status: 201, headers: { "retry-after": "3" }, body: { runId: "r" } };
    const sent = JSON.stringify({ name: "ä" });
    const response = await call("POST", "/v1/runs/a%2Fb?limit=2&cursor=x%20y&limit=3", sent, {
      "Content-Type": "application/json; charset=utf-8",
      "X-Twice": ["one", "two"],
    });
    expect(given).toMatchObject({
      method: "POST",
      path: "/v1/runs/a%2Fb",
      query: { limit: "3", cursor: "x y" },
    });
    expect(body).toBe(sent);
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
    expect(given).toMatchObject({ query: {} });
    expect(body).toBe("");
  });
});

describe("bodies", () => {
  const types = [
    "application/json",
    "application/cloudevents+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/octet-stream",
  ];

  it.each(types)("of %s arrive as they are, unparsed", async (type) => {
    answer = { status: 200 };
    for (const sent of ['{"a":', "a=1&b[c]=2", "[]", "Infinity", "\u00ff"]) {
      await call("POST", "/x", sent, { "content-type": type });
      expect(body).toBe(sent);
    }
  });

  const expectRefused = (response: Awaited<ReturnType<typeof call>>, status: number, code: string) => {
    expect(response.status).toBe(status);
    expect(response.headers["content-type"]).toMatch(/^application\/json/);
    expect(JSON.parse(response.text)).toMatchObject({ error: { code } });
  };

  it.each(["gzip", "br", "deflate", "zstd", "compress", "gzip, br", "x-unknown"])(
    "encoded as %s are refused, whatever they hold",
    async (encoding) => {
      const headers = { "content-encoding": encoding, "content-type": "application/json" };
      expectRefused(await call("POST", "/x", "not that at all", headers), 415, "unsupported-media-type");
    },
  );

  it("of no encoding at all may say so", async () => {
    answer = { status: 200 };
    expect((await call("POST", "/x", "a", { "content-encoding": "Identity" })).status).toBe(200);
  });

  it("declared too long are refused before they come, streams once they exceed the limit", async () => {
    expectRefused(await call("POST", "/x", "x".repeat(1_001)), 413, "too-large");
    expectRefused(
      await call("POST", "/x", "x".repeat(1_001), { "transfer-encoding": "chunked" }),
      413,
      "too-large",
    );
    answer = { status: 200 };
    expect((await call("POST", "/x", "x".repeat(1_000))).status).toBe(200);
    expect((await call("POST", "/x", "x".repeat(1_000), { "transfer-encoding": "chunked" })).status).toBe(
      200,
    );
  });

  it("that the handler does not read do not delay the answer", async () => {
    answer = { status: 401, body: { error: {} } };
    maxBytes = -1;
    expect((await call("POST", "/x", "x".repeat(5_000_000))).status).toBe(401);
    maxBytes = 1_000;
  });

  it("of all requests together are bounded, and the bound is free again afterwards", async () => {
    maxBytes = 8 * 2 ** 20;
    answer = { status: 200 };
    const unfinished = Array.from({ length: 5 }, () => {
      const headers = { "content-length": maxBytes };
      const sent = send({ host: "127.0.0.1", port, method: "POST", path: "/x", headers, agent: false });
      sent.on("error", () => undefined).write("x".repeat(7 * 2 ** 20));
      return sent;
    });
    const refused = await Promise.any(
      unfinished.map(
        (sent) =>
          new Promise<number | undefined>((done) =>
            sent.once("response", ({ statusCode }) => done(statusCode)),
          ),
      ),
    );
    expect(refused).toBe(429);
    for (const sent of unfinished) sent.destroy();
    await vi.waitFor(async () => expect((await call("POST", "/x", "x".repeat(maxBytes))).status).toBe(200));
    for (let again = 0; again < 5; again++) {
      expect((await call("POST", "/x", "x".repeat(maxBytes))).status).toBe(200);
    }
    maxBytes = 1_000;
  });
});

describe("targets", () => {
  it.each(["/%zz", "/%", "/v1/%c0%af", "/favicon.ico", "/robots.txt"])(
    "%s reach the handler",
    async (path) => {
      answer = { status: 404, body: { error: { code: "not-found" } } };
      const response = await call("GET", path);
      expect(given?.path).toBe(path);
      expect([response.status, JSON.parse(response.text)]).toEqual([404, answer.body]);
    },
  );

  it.each(["*", "http://evil.example/v1/runs"])("that are no path (%s) are refused", async (path) => {
    const response = await call("OPTIONS", path);
    expect(response.status).toBe(400);
    expect(JSON.parse(response.text)).toMatchObject({ error: { code: "invalid-argument" } });
  });

  it.each(["Authorization", "X-Serverless-Authorization"])("shows both of two %s headers", async (name) => {
    answer = { status: 200 };
    await call("GET", "/", undefined, { [name]: ["Bearer a", "Bearer b"] });
    expect(given?.headers[name.toLowerCase()]).toBe("Bearer a, Bearer b");
  });
});
