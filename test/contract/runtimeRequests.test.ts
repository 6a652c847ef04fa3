// What the front of a function does with requests: what passes through unchanged, and what Cloud Run's limits
// cut.
import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Sample, startSample } from "../support/functions/startSample.ts";

const mebibyte = 1024 * 1024;
let sample: Sample;
/** With a second for each request: only for what its time cuts, because a busy machine takes longer for much else. */
let hasty: Sample;

beforeAll(async () => {
  sample = await startSample({ minInstances: 1, maxInstances: 1 });
  hasty = await startSample({ timeoutSeconds: 1, minInstances: 1, maxInstances: 1 });
});
afterAll(async () => {
  await sample.runtime.stop();
  await hasty.runtime.stop();
});

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly bytes: number;
  readonly sha256: string;
}
const echo = async (path: string, init?: RequestInit) =>
  (await (await sample.ask(path, init)).json()) as Echo;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const chunked = (chunks: number, chunk: Buffer): RequestInit => ({
  body: Readable.toWeb(
    Readable.from(Array.from({ length: chunks }, () => chunk)),
  ) as ReadableStream<Uint8Array>,
  duplex: "half",
  headers: { "content-type": "application/octet-stream" },
});

/** A request as node:http makes it, for what fetch does not allow. */
function raw(
  path: string,
  headers: Record<string, string>,
  method = "POST",
  body?: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(`${sample.url}${path}`, { method, headers }, resolve);
    outgoing.on("error", reject).end(body);
  });
}

test("method, path, query, headers and body arrive; the answer's status and headers come back", async () => {
  const body = randomBytes(300_000);
  const answer = await sample.ask("/echo?a=%20b&c", {
    method: "PUT",
    body,
    headers: {
      "content-type": "application/octet-stream",
      authorization: "Bearer t",
      "x-forwarded-for": "10.0.0.9",
    },
  });
  expect(answer.status).toBe(201);
  expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  const seen = (await answer.json()) as Echo;
  expect(seen).toMatchObject({ method: "PUT", url: "/echo?a=%20b&c", bytes: 300_000, sha256: sha256(body) });
  expect(seen.headers).toMatchObject({
    host: new URL(sample.url).host,
    authorization: "Bearer t",
    "content-length": "300000",
    "x-forwarded-for": "10.0.0.9, 127.0.0.1",
    "x-forwarded-proto": "http",
  });
  expect(Object.keys(seen.headers).filter((name) => name.includes("fedstratus"))).toEqual([]);
});

test("headers of one connection stay on it, in both directions", async () => {
  const answer = await raw("/echo", {
    connection: "keep-alive, x-mine",
    "x-mine": "1",
    "x-kept": "2",
    te: "trailers",
    "proxy-authorization": "secret",
  });
  const { headers } = JSON.parse((await answer.toArray()).join("")) as Echo;
  expect(headers).toMatchObject({ connection: "keep-alive", "x-kept": "2" });
  for (const name of ["x-mine", "te", "proxy-authorization"]) expect(headers).not.toHaveProperty(name);
  expect(answer.headers).not.toHaveProperty("x-private");
});

test.each(["GET", "DELETE", "OPTIONS", "POST"])("%s without a body stays without one", async (method) => {
  const answer = await raw("/echo", {}, method);
  const seen = JSON.parse((await answer.toArray()).join("")) as Echo;
  expect(seen).toMatchObject({ method, bytes: 0 });
  expect(seen.headers["transfer-encoding"]).toBeUndefined();
});

test("DELETE with a chunked body keeps it", async () => {
  const headers = { "transfer-encoding": "chunked", "content-type": "text/plain" };
  const answer = await raw("/echo", headers, "DELETE", "twelve bytes");
  expect(JSON.parse((await answer.toArray()).join(""))).toMatchObject({ method: "DELETE", bytes: 12 });
});

test("HEAD is answered with headers only", async () => {
  const answer = await sample.ask("/echo", { method: "HEAD" });
  expect([answer.status, await answer.text()]).toEqual([201, ""]);
});

test("an answer streams through as it is written", async () => {
  const answer = await sample.ask("/stream?4");
  const arrivedMs: number[] = [];
  for await (const _ of answer.body ?? []) arrivedMs.push(performance.now());
  expect(arrivedMs.length).toBeGreaterThanOrEqual(3);
  expect((arrivedMs.at(-1) ?? 0) - (arrivedMs[0] ?? 0)).toBeGreaterThanOrEqual(150);
});

test("a body of exactly 32 MiB passes, declared and chunked", async () => {
  const part = Buffer.alloc(mebibyte, "x");
  const whole = Buffer.concat(Array.from({ length: 32 }, () => part));
  const headers = { "content-type": "application/octet-stream" };
  const declared = await echo("/echo", { body: whole, headers });
  expect(declared).toMatchObject({ bytes: 32 * mebibyte, sha256: sha256(whole) });
  expect(await echo("/echo", chunked(32, part))).toMatchObject({
    bytes: 32 * mebibyte,
    sha256: sha256(whole),
  });
});

test("one byte more is answered 413: declared, before any of it is read; chunked, as soon as it has come", async () => {
  const served = (await sample.self()).served;
  const head = `POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${32 * mebibyte + 1}\r\n\r\n`;
  const socket = connect(Number(new URL(sample.url).port), "127.0.0.1", () => socket.write(head));
  const first = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
  expect(first.toString()).toMatch(/^HTTP\/1.1 413 /);
  socket.destroy();

  const odd = Buffer.alloc(mebibyte + 1, "x");
  const answer = await sample.ask("/echo", chunked(32, odd));
  expect([answer.status, await answer.text()]).toEqual([413, "The request is larger than 32 MiB."]);
  await vi.waitFor(() =>
    expect(sample.requests().slice(-2)).toMatchObject([{ outcome: "too-large" }, { outcome: "too-large" }]),
  );
  expect((await sample.self()).served).toBe(served + 1);
});

test("an answer of more than 32 MiB is cut off by production, so it is here", async () => {
  expect((await (await sample.ask(`/bytes?${32 * mebibyte}`)).arrayBuffer()).byteLength).toBe(32 * mebibyte);
  const answer = await sample.ask(`/bytes?${32 * mebibyte + 1}`);
  expect([answer.status, await answer.text()]).toEqual([500, "The answer is larger than 32 MiB."]);
});

test("over its time a request is answered 504; its instance lives on and its handler too", async () => {
  const { pid } = await hasty.self();
  const answer = await hasty.ask("/wait?1300");
  expect([answer.status, await answer.text()]).toEqual([504, "upstream request timeout"]);
  expect(hasty.requests().at(-1)).toMatchObject({ outcome: "timed-out", status: 504 });
  expect((await hasty.self()).pid).toBe(pid);
});

test("an answer that has begun is cut at its time", async () => {
  const answer = await hasty.ask("/stream?30");
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow();
  await vi.waitFor(() =>
    expect(hasty.requests().at(-1)).toMatchObject({ outcome: "timed-out", status: 200 }),
  );
});

test("an instance that ends within its answer cuts it", async () => {
  const answer = await sample.ask("/half");
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow();
  await vi.waitFor(() => expect(sample.requests().at(-1)).toMatchObject({ outcome: "crashed", status: 200 }));
});

test("a caller who leaves frees its place", async () => {
  await sample.self(); // Its instance is there again.
  const leave = new AbortController();
  const left = sample.ask("/wait?3000", { signal: leave.signal });
  await vi.waitFor(() => expect(sample.runtime.stats()["sample"]?.inFlight).toBe(1));
  leave.abort();
  await expect(left).rejects.toThrow(/abort/);
  await vi.waitFor(() => expect(sample.runtime.stats()["sample"]?.inFlight).toBe(0));
  expect(sample.requests().at(-1)).toMatchObject({ outcome: "caller-gone", status: null });
});

test("what is not HTTP is refused, and other requests go on", async () => {
  const socket = connect(Number(new URL(sample.url).port), "127.0.0.1", () => socket.write("hello\r\n\r\n"));
  const answer = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
  expect(answer.toString()).toMatch(/^HTTP\/1.1 400 /);
  socket.destroy();
  expect((await sample.ask("/")).status).toBe(200);
});

test("an answer that comes before the caller's last write is not lost", async () => {
  const statuses = new Set<number>();
  for (let batch = 0; batch < 15; batch++) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => sample.ask("/no-such-action", { method: "POST", body: "{}" })),
    );
    for (const answer of answers) {
      statuses.add(answer.status);
      await answer.arrayBuffer();
    }
  }
  expect([...statuses]).toEqual([404]);
});
