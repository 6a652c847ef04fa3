// Slow and broken requests to a function in a process of its own: they cost only their own time.
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Sample, startSample } from "../support/functions/startSample.ts";

let sample: Sample;

beforeAll(async () => {
  sample = await startSample({ timeoutSeconds: 1, minInstances: 1, maxInstances: 1 });
});
afterAll(() => sample.runtime.stop());

/** Sends text over a connection of its own and gives all that comes back until it is closed. */
function speak(text: string): { readonly socket: Socket; readonly answer: Promise<string> } {
  const socket = connect(Number(new URL(sample.url).port), "127.0.0.1", () => socket.write(text));
  const answer = new Promise<string>((resolve) => {
    let received = "";
    socket.on("data", (data) => {
      received += data;
    });
    socket.on("close", () => resolve(received)).on("error", () => socket.destroy());
  });
  return { socket, answer };
}

const head =
  "POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n";

test("a body that drips is cut at the function's time, and others are answered meanwhile", async () => {
  const slow = Array.from({ length: 20 }, () => speak(`${head}Content-Length: 1000\r\n\r\n{`));
  const drips = setInterval(() => slow.forEach(({ socket }) => void socket.write(" ")), 50);
  await vi.waitFor(() => expect(sample.runtime.stats()["sample"]?.inFlight).toBe(20));
  const { pid } = await sample.self();
  const answers = await Promise.all(slow.map(({ answer }) => answer));
  clearInterval(drips);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 504 /);
  await vi.waitFor(() => expect(sample.runtime.stats()["sample"]?.inFlight).toBe(0));
  expect((await sample.self()).pid).toBe(pid);
});

test("a body that stops half-way frees its place when its sender leaves", async () => {
  const { socket, answer } = speak(`${head}Content-Length: 1000\r\n\r\n{`);
  await vi.waitFor(() => expect(sample.runtime.stats()["sample"]?.inFlight).toBe(1));
  socket.destroy();
  expect(await answer).toBe("");
  await vi.waitFor(() => expect(sample.runtime.stats()["sample"]?.inFlight).toBe(0));
});

test.each([
  ["that is not JSON", '{"a":'],
  ["of bytes that are not text", "\u00ff\u00fe"],
  ["of a bare word", "undefined"],
])("a body %s is refused before our code, without a word of our insides", async (_, body) => {
  const answer = await sample.ask("/echo", { body, headers: { "content-type": "application/json" } });
  expect(answer.status).toBe(400);
  expect(await answer.text()).not.toMatch(/node_modules|\.js|\.ts|SyntaxError|JSON\.parse/);
});

test.each([
  ["two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n"],
  ["a length and chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"],
  ["an invalid length", "Content-Length: two\r\n"],
  ["a negative length", "Content-Length: -1\r\n"],
  ["a header with a line within it", "X-A: b\rX-B: c\r\n"],
  ["headers of a megabyte", `X-Long: ${"x".repeat(2 ** 20)}\r\n`],
])("%s are refused and reach no function", async (_, headers) => {
  const { served } = await sample.self();
  expect(await speak(`${head}${headers}\r\n{}`).answer).toMatch(/^HTTP\/1\.1 4(00|31) /);
  expect((await sample.self()).served).toBe(served + 1);
});
