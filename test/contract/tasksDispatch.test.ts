// One attempt of a task against real sockets: its deadline, its end, and invalid answers.
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { send } from "../../infra/box/tasks/dispatch.ts";

const open: { server: Server; sockets: Socket[] }[] = [];

async function listening(server: Server): Promise<string> {
  const sockets: Socket[] = [];
  server.on("connection", (socket) => sockets.push(socket));
  open.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const attempt = (url: string, deadlineMs = 5_000, signal = new AbortController().signal) =>
  send({ url, method: "POST", headers: {}, body: Buffer.from("x") }, { headers: {}, deadlineMs, signal });

afterEach(async () => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("a target that does not answer in time has failed by deadline, and its connection is closed", async () => {
  let closed: Promise<void> | undefined;
  const url = await listening(
    createServer((request) => {
      closed = new Promise((resolve) => request.socket.on("close", () => resolve()));
    }),
  );
  expect(await attempt(url, 60)).toEqual({ kind: "deadline", message: "No answer within 60 ms." });
  await closed;
});

test("the deadline covers the whole answer, not its head only", async () => {
  const url = await listening(createServer((_, response) => response.writeHead(200).write("never ends")));
  expect(await attempt(url, 60)).toMatchObject({ kind: "deadline" });
});

test("a connection cut without or within an answer is no answer", async () => {
  const cut = await listening(createServer((request) => request.socket.destroy()));
  expect(await attempt(cut)).toMatchObject({ kind: "unreachable" });
  const half = await listening(
    createServer((request, response) => {
      response.writeHead(200, { "content-length": 100 }).write("half");
      setTimeout(() => request.socket.destroy(), 20);
    }),
  );
  expect(await attempt(half)).toMatchObject({ kind: "unreachable" });
});

test("what is not HTTP is no answer", async () => {
  const url = await listening(createTcpServer((socket) => socket.end("hello\r\n\r\n")));
  expect(await attempt(url)).toMatchObject({ kind: "unreachable" });
});

test("an answer before the body was read counts", async () => {
  const url = await listening(createServer((_, response) => response.writeHead(401).end()));
  expect(await attempt(url)).toEqual({ kind: "status", status: 401, retryAfterMs: undefined });
});

test("stopping ends it, also before it began", async () => {
  const url = await listening(createServer());
  const stop = new AbortController();
  const pending = attempt(url, 5_000, stop.signal);
  stop.abort();
  expect(await pending).toMatchObject({ kind: "stopped" });
  expect(await attempt(url, 5_000, stop.signal)).toMatchObject({ kind: "stopped" });
});
