// The product's adapter over Cloud Tasks, on the local one.
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Server as GrpcServer, ServerCredentials, type sendUnaryData, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { serviceDefinition } from "../../infra/box/tasks/protocol.ts";
import { startTasks, type TasksServer } from "../../infra/box/tasks/startTasks.ts";
import { type ConnectedTasks, connectTasks } from "../../shared/cloud/tasks/connectTasks.ts";
import type { Task } from "../../shared/core/ports/taskQueue.ts";

const parent = "projects/demo/locations/europe-west1";
const connection = {
  projectId: "demo",
  location: "europe-west1",
  queues: { control: "control-q", client: "client-q" },
  invokerEmails: { control: "invoker@demo.test", client: "client-invoker@demo.test" },
};

let received: { path: string; headers: IncomingHttpHeaders; body: unknown; atMs: number }[] = [];
let target: Server;
let origin: string;
let server: TasksServer;
let tasks: ConnectedTasks;
let names = 0;

async function freePort(): Promise<number> {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  await new Promise((resolve) => taken.close(resolve));
  return port;
}

const task = (more: Partial<Task> = {}): Task => ({
  name: `invoke_run-1_0001_client-${names++}`,
  queue: "client",
  url: `${origin}/train`,
  body: { runId: "run-1", round: 1, clientId: "client-07" },
  ...more,
});

beforeAll(async () => {
  target = createServer(async (request, response) => {
    const chunks: Buffer[] = await request.toArray();
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    received.push({ path: request.url ?? "", headers: request.headers, body, atMs: Date.now() });
    response.end();
  });
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  server = await startTasks({
    mintIdToken: async ({ email, audience }) => `${email} for ${audience}`,
    queues: Object.values(connection.queues).map((id) => ({ name: `${parent}/queues/${id}` })),
  });
  tasks = connectTasks({ ...connection, emulatorHost: server.address });
});

afterAll(async () => {
  await tasks.close();
  await server.stop();
  await new Promise((resolve) => target.close(resolve));
});

const untilReceived = async () => {
  await vi.waitFor(() => expect(received).toHaveLength(1));
  const [first] = received;
  received = [];
  return first;
};

test("a task arrives as JSON with the invoker's token for the target's origin", async () => {
  expect(await tasks.enqueue(task({ name: "invoke_run-1_0001_client-07" }))).toBe("created");
  expect(await untilReceived()).toMatchObject({
    path: "/train",
    body: { runId: "run-1", round: 1, clientId: "client-07" },
    headers: {
      "content-type": "application/json",
      authorization: `Bearer client-invoker@demo.test for ${origin}`,
      "x-cloudtasks-queuename": "client-q",
      "x-cloudtasks-taskname": "invoke_run-1_0001_client-07",
    },
  });
});

test("the audience can be given, and the queue chosen", async () => {
  await tasks.enqueue(task({ queue: "control", audience: "https://coordinator.test/base" }));
  expect((await untilReceived())?.headers).toMatchObject({
    authorization: "Bearer invoker@demo.test for https://coordinator.test/base",
    "x-cloudtasks-queuename": "control-q",
  });
});

test("a used name is reported, not an error: while the task waits and after it was done", async () => {
  const waiting = task({ scheduleAtMs: Date.now() + 60_000 });
  expect([await tasks.enqueue(waiting), await tasks.enqueue(waiting)]).toEqual(["created", "exists"]);
  const done = task();
  expect(await tasks.enqueue(done)).toBe("created");
  await untilReceived();
  expect(await tasks.enqueue(done)).toBe("exists");
});

test("a task waits from when it is added until it is answered; one that never was does not", async () => {
  const scheduled = task({ scheduleAtMs: Date.now() + 60_000 });
  expect(await tasks.find(scheduled.name, "client")).toBeNull();
  await tasks.enqueue(scheduled);
  expect(await tasks.find(scheduled.name, "client")).toEqual({ sentAtMs: null, lastAnswer: null });
  expect(await tasks.find(scheduled.name, "control"), "each queue has its own").toBeNull();

  const done = task();
  await tasks.enqueue(done);
  await untilReceived();
  await vi.waitFor(async () => expect(await tasks.find(done.name, "client")).toBeNull());
});

test("a task that is removed is not sent again; the call on its way goes on, and its name stays taken", async () => {
  const scheduled = task({ scheduleAtMs: Date.now() + 60_000 });
  await tasks.remove(scheduled.name, "client"); // Never there: nothing to do.
  await tasks.enqueue(scheduled);
  await tasks.remove(scheduled.name, "client");
  await tasks.remove(scheduled.name, "client");
  expect(await tasks.find(scheduled.name, "client")).toBeNull();
  expect(await tasks.enqueue(scheduled)).toBe("exists");

  const waiting = task({ scheduleAtMs: Date.now() + 60_000 });
  await tasks.enqueue(waiting);
  let calls = 0;
  const asked = Promise.withResolvers<(status: number) => void>();
  const failing = createServer((request, response) => {
    calls++;
    request.resume();
    asked.resolve((status) => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => failing.listen(0, "127.0.0.1", resolve));
  const called = task({ url: `http://127.0.0.1:${(failing.address() as AddressInfo).port}/` });
  await tasks.enqueue(called);
  const answer = await asked.promise;
  const [sent] = (await tasks.sent("client")).filter(({ name }) => name === called.name);
  expect(sent?.untilMs).toBeGreaterThan(Date.now() + 590_000);
  expect(
    (await tasks.sent("client")).map(({ name }) => name),
    "it only waits",
  ).not.toContain(waiting.name);
  expect(await tasks.sent("control"), "each queue has its own").toEqual([]);
  await tasks.remove(called.name, "client");
  answer(503);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(calls).toBe(1);
  failing.closeAllConnections();
  await new Promise((resolve) => failing.close(resolve));
});

test("a task being delivered waits, and so does one that failed and will come again", async () => {
  const asked = Promise.withResolvers<(status: number) => void>();
  const failing = createServer((request, response) => {
    request.resume();
    asked.resolve((status) => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => failing.listen(0, "127.0.0.1", resolve));
  const called = task({ url: `http://127.0.0.1:${(failing.address() as AddressInfo).port}/` });
  const beforeMs = Date.now();
  await tasks.enqueue(called);
  const answer = await asked.promise;
  const { sentAtMs } = (await tasks.find(called.name, "client")) ?? {};
  expect(sentAtMs, "while it is being delivered").toBeGreaterThanOrEqual(beforeMs);
  expect(sentAtMs).toBeLessThanOrEqual(Date.now());
  answer(503);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await tasks.find(called.name, "client"), "until it comes again").toEqual({
    sentAtMs: null,
    lastAnswer: "HTTP status code 503",
  });
  failing.closeAllConnections();
  await new Promise((resolve) => failing.close(resolve));
});

test("it is not sent before its time", async () => {
  const scheduleAtMs = Date.now() + 250;
  await tasks.enqueue(task({ scheduleAtMs }));
  expect((await untilReceived())?.atMs).toBeGreaterThanOrEqual(scheduleAtMs);
});

test.each<[string, Partial<Task>, string]>([
  ["a name with a dot", { name: "a.b" }, "invalid-argument"],
  ["an empty name", { name: "" }, "invalid-argument"],
  ["a name of 501 characters", { name: "x".repeat(501) }, "invalid-argument"],
  ["a url of another kind", { url: "ftp://x.test/" }, "invalid-argument"],
  ["a deadline below 15 s", { deadlineSeconds: 14.9 }, "invalid-argument"],
  ["a deadline above 30 min", { deadlineSeconds: 1_801 }, "invalid-argument"],
  ["no body at all", { body: undefined }, "invalid-argument"],
  ["a body of 1 MiB", { body: "x".repeat(1024 * 1024) }, "too-large"],
  ["a time 31 days ahead", { scheduleAtMs: Date.now() + 31 * 24 * 3_600_000 }, "invalid-argument"],
])("%s is refused for good", async (_, wrong, code) => {
  await expect(tasks.enqueue(task(wrong))).rejects.toMatchObject({ name: "FlError", code, retry: "never" });
});

test("both ends of every range are accepted", async () => {
  const scheduleAtMs = Date.now() + 60_000;
  for (const more of [{ deadlineSeconds: 15 }, { deadlineSeconds: 1_800 }, { name: "y".repeat(500) }]) {
    expect(await tasks.enqueue(task({ ...more, scheduleAtMs }))).toBe("created");
  }
});

test("a queue that is not there is named", async () => {
  const queues = { control: "gone", client: "client-q" };
  const lost = connectTasks({ ...connection, queues, emulatorHost: server.address });
  await expect(lost.enqueue(task({ queue: "control" }))).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringContaining("gone"),
  });
  await lost.close();
});

test("a service that comes up late is waited for", async () => {
  const port = await freePort();
  const late = connectTasks({ ...connection, emulatorHost: `127.0.0.1:${port}` });
  const enqueued = late.enqueue(task());
  await new Promise((resolve) => setTimeout(resolve, 300));
  const second = await startTasks({
    port,
    mintIdToken: async () => "token",
    queues: [{ name: `${parent}/queues/client-q` }],
  });
  expect(await enqueued).toBe("created");
  await untilReceived();
  await late.close();
  await second.stop();
});

test("a service that stays away is given up after a while, and worth a retry", async () => {
  const patienceMs = 700;
  const away = connectTasks({ ...connection, emulatorHost: `127.0.0.1:${await freePort()}`, patienceMs });
  const startedMs = Date.now();
  await expect(away.enqueue(task())).rejects.toMatchObject({
    name: "FlError",
    code: "unavailable",
    retry: "soon",
  });
  const tookMs = Date.now() - startedMs;
  expect(tookMs, "it is tried again").toBeGreaterThan(100);
  expect(tookMs, "no longer than it may").toBeLessThan(10_000);
  await away.close();
});

test.each([
  [status.PERMISSION_DENIED, "permission-denied", "needs-a-person"],
  [status.NOT_FOUND, "not-found", "needs-a-person"],
  [status.FAILED_PRECONDITION, "failed-precondition", "needs-a-person"],
  [status.UNAUTHENTICATED, "unauthenticated", "needs-a-person"],
  [status.RESOURCE_EXHAUSTED, "resource-exhausted", { afterMs: 1_000 }],
  [status.DATA_LOSS, "internal", "soon"],
])("status %d of the service is %s, retry %o", async (code, ours, retry) => {
  const refusing = new GrpcServer();
  refusing.addService(serviceDefinition(), {
    createTask: (_: unknown, answer: sendUnaryData<object>) => answer({ code }),
  });
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, at: number) => (error === null ? resolve(at) : reject(error));
    refusing.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
  });
  const connected = connectTasks({ ...connection, emulatorHost: `127.0.0.1:${port}` });
  await expect(connected.enqueue(task())).rejects.toMatchObject({ code: ours, retry });
  await connected.close();
  refusing.forceShutdown();
});
