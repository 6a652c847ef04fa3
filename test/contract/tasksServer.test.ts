// The local Cloud Tasks, as the unmodified client library and a task's target see it.
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { CloudTasksClient, type protos } from "@google-cloud/tasks";
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { TasksEvent } from "../../infra/box/tasks/events.ts";
import { startTasks, type TasksServer } from "../../infra/box/tasks/startTasks.ts";
import { UsageMeter } from "../../infra/box/usageMeter.ts";

type Queue = protos.google.cloud.tasks.v2.IQueue;
type Task = protos.google.cloud.tasks.v2.ITask;

interface Delivery {
  readonly atMs: number;
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

let target: Server;
let origin: string;
const deliveries: Delivery[] = [];
/** What the target answers, by path; default 200 at once. */
const answers = new Map<
  string,
  (attempt: number) => { code?: number; retryAfter?: string; afterMs?: number }
>();

const events: TasksEvent[] = [];
const minted: { email: string; audience: string }[] = [];
let server: TasksServer;
let client: CloudTasksClient;
let queues = 0;

const parent = "projects/demo/locations/europe-west1";
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const delivered = (path: string) => deliveries.filter((delivery) => delivery.path === path);
const untilDelivered = (path: string, count: number) =>
  vi.waitFor(() => expect(delivered(path)).toHaveLength(count), { timeout: 5_000, interval: 5 });

function clientOf(tasks: TasksServer): CloudTasksClient {
  const [apiEndpoint = "", port] = (tasks.env["CLOUD_TASKS_EMULATOR_HOST"] ?? "").split(":");
  return new CloudTasksClient({
    apiEndpoint,
    port: Number(port),
    sslCreds: credentials.createInsecure(),
    projectId: "demo",
    clientOptions: { universeDomain: "googleapis.com" },
  });
}

async function newQueue(settings: Queue = {}): Promise<string> {
  const name = `${parent}/queues/q${queues++}`;
  await client.createQueue({ parent, queue: { name, ...settings } });
  return name;
}

async function create(queue: string, path: string, task: Task = {}): Promise<Task & { name: string }> {
  const httpRequest = { url: `${origin}${path}`, ...task.httpRequest };
  const [created] = await client.createTask({ parent: queue, task: { ...task, httpRequest } });
  return { ...created, name: created.name ?? "" };
}

/** A server with one queue, whose clock stands still unless the test puts it forward. */
async function heldQueue(path: string, settings: Queue) {
  let clockMs = Date.now();
  const held = await startTasks({ mintIdToken: async () => "token", nowMs: () => clockMs });
  const its = clientOf(held);
  onTestFinished(async () => {
    await its.close();
    await held.stop();
  });
  const queue = `${parent}/queues/held`;
  await its.createQueue({ parent, queue: { name: queue, ...settings } });
  return {
    add: async (count: number, httpRequest: Task["httpRequest"] = {}) => {
      const task = { httpRequest: { url: `${origin}${path}`, ...httpRequest } };
      await Promise.all(Array.from({ length: count }, () => its.createTask({ parent: queue, task })));
    },
    /** How many requests have come once so much time has passed, and nothing is due any more. */
    cameAfter: async (ms: number): Promise<number> => {
      clockMs += ms;
      held.wake();
      await vi.waitFor(() => expect(held.idle(0)).toBe(true), { timeout: 5_000, interval: 5 });
      return delivered(path).length;
    },
  };
}

const atMs = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1e6 });

beforeAll(async () => {
  target = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      const { method = "", headers } = request;
      deliveries.push({ atMs: Date.now(), path, method, headers, body: Buffer.concat(chunks) });
      const answer = answers.get(path)?.(delivered(path).length) ?? {};
      if (answer.retryAfter !== undefined) response.setHeader("retry-after", answer.retryAfter);
      response.statusCode = answer.code ?? 200;
      setTimeout(() => response.end("ok"), answer.afterMs ?? 0);
    });
  });
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  server = await startTasks({
    mintIdToken: async (request) => {
      minted.push(request);
      if (request.email === "nobody@demo.test") throw new Error("no such account");
      return `token-for-${request.audience}`;
    },
    queues: [{ name: `${parent}/queues/ready`, maxAttempts: 2 }],
    onEvent: (event) => events.push(event),
  });
  client = clientOf(server);
});

afterAll(async () => {
  await client.close();
  await server.stop();
  target.closeAllConnections();
  await new Promise((resolve) => target.close(resolve));
});

describe("queues", () => {
  test("those given at the start are there", async () => {
    const [queue] = await client.getQueue({ name: `${parent}/queues/ready` });
    expect(queue).toMatchObject({ state: "RUNNING", retryConfig: { maxAttempts: 2, maxDoublings: 16 } });
  });

  test("show their settings, with production's defaults for what was not given", async () => {
    const name = await newQueue({ rateLimits: { maxConcurrentDispatches: 3 } });
    const [queue] = await client.getQueue({ name });
    expect(queue).toMatchObject({
      name,
      state: "RUNNING",
      rateLimits: { maxConcurrentDispatches: 3, maxDispatchesPerSecond: 500, maxBurstSize: 100 },
      retryConfig: {
        maxAttempts: 100,
        minBackoff: { seconds: "0", nanos: 100_000_000 },
        maxBackoff: { seconds: "3600", nanos: 0 },
        maxDoublings: 16,
      },
    });
  });

  test("are created once, updated by mask, created by an update, listed in pages and deleted", async () => {
    const name = await newQueue({ rateLimits: { maxConcurrentDispatches: 7 } });
    await expect(client.createQueue({ parent, queue: { name } })).rejects.toMatchObject({
      code: status.ALREADY_EXISTS,
    });
    const [updated] = await client.updateQueue({
      queue: { name, rateLimits: { maxDispatchesPerSecond: 5 }, retryConfig: { maxAttempts: 4 } },
      updateMask: { paths: ["rate_limits.max_dispatches_per_second"] },
    });
    expect(updated.rateLimits).toMatchObject({ maxDispatchesPerSecond: 5, maxConcurrentDispatches: 7 });
    expect(updated.retryConfig?.maxAttempts).toBe(100);
    const [whole] = await client.updateQueue({ queue: { name, retryConfig: { maxAttempts: 4 } } });
    expect(whole).toMatchObject({
      retryConfig: { maxAttempts: 4 },
      rateLimits: { maxConcurrentDispatches: 1_000 },
    });

    const elsewhere = "projects/demo/locations/us-east1";
    for (const id of ["c", "a", "b"]) {
      await client.updateQueue({ queue: { name: `${elsewhere}/queues/${id}` } });
    }
    const [firstPage] = await client.listQueues({ parent: elsewhere, pageSize: 2 }, { autoPaginate: false });
    expect(firstPage.map((queue) => queue.name)).toEqual([`${elsewhere}/queues/a`, `${elsewhere}/queues/b`]);
    const [all] = await client.listQueues({ parent: elsewhere });
    expect(all).toHaveLength(3);

    await client.deleteQueue({ name });
    await expect(client.getQueue({ name })).rejects.toMatchObject({ code: status.NOT_FOUND });
    await expect(create(name, "/x")).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test("refuse settings and names out of range", async () => {
    const invalid = { code: status.INVALID_ARGUMENT };
    const refused = (queue: Queue) =>
      expect(client.createQueue({ parent, queue })).rejects.toMatchObject(invalid);
    await refused({ name: `${parent}/queues/under_score` });
    await refused({ name: `${parent}/queues/${"x".repeat(101)}` });
    await refused({ name: "projects/demo/locations/elsewhere/queues/q" });
    await refused({ name: `${parent}/queues/fast`, rateLimits: { maxDispatchesPerSecond: 501 } });
    await refused({ name: `${parent}/queues/wide`, rateLimits: { maxConcurrentDispatches: 5_001 } });
    await refused({ name: `${parent}/queues/never`, retryConfig: { maxAttempts: -2 } });
  });

  test("paused, hold their tasks; resumed, send them; purged, forget them", async () => {
    const name = await newQueue();
    await client.pauseQueue({ name });
    await create(name, "/paused");
    await sleep(100);
    expect(delivered("/paused")).toHaveLength(0);
    expect(server.queueDepth(name)).toBe(1);
    expect((await client.resumeQueue({ name }))[0].state).toBe("RUNNING");
    await untilDelivered("/paused", 1);

    await create(name, "/purged", { scheduleTime: atMs(Date.now() + 200) });
    const [purged] = await client.purgeQueue({ name });
    expect(Number(purged.purgeTime?.seconds)).toBeGreaterThan(1_700_000_000);
    expect(server.queueDepth(name)).toBe(0);
    await sleep(250);
    expect(delivered("/purged")).toHaveLength(0);
  });
});

describe("a task", () => {
  test("arrives as an HTTP request with Cloud Tasks' headers, its body untouched", async () => {
    const queue = await newQueue();
    const scheduledMs = Date.now() + 300;
    const created = await create(queue, "/close?round=1", {
      name: `${queue}/tasks/close_run-1_0001`,
      scheduleTime: atMs(scheduledMs),
      httpRequest: {
        httpMethod: "POST",
        headers: {
          "Content-Type": "application/octet-stream",
          "X-Own": "kept",
          "User-Agent": "dropped",
          Host: "no",
        },
        body: Buffer.from([0, 255, 1]),
      },
    });
    expect(created).toMatchObject({ dispatchCount: 0, view: "BASIC", dispatchDeadline: { seconds: "600" } });
    expect(created.httpRequest?.body).toHaveLength(0);
    const [full] = await client.getTask({ name: created.name, responseView: "FULL" });
    expect([...Buffer.from(full.httpRequest?.body ?? "")]).toEqual([0, 255, 1]);

    await untilDelivered("/close?round=1", 1);
    const [delivery] = delivered("/close?round=1");
    expect(delivery?.atMs).toBeGreaterThanOrEqual(scheduledMs);
    expect([...(delivery?.body ?? [])]).toEqual([0, 255, 1]);
    expect(delivery?.headers).toMatchObject({
      host: new URL(origin).host,
      "user-agent": "Google-Cloud-Tasks",
      "content-type": "application/octet-stream",
      "content-length": "3",
      "x-own": "kept",
      "x-cloudtasks-queuename": queue.split("/").at(-1),
      "x-cloudtasks-taskname": "close_run-1_0001",
      "x-cloudtasks-taskretrycount": "0",
      "x-cloudtasks-taskexecutioncount": "0",
      "x-cloudtasks-tasketa": String(scheduledMs / 1_000),
    });
    expect(delivery?.headers["authorization"]).toBeUndefined();
    expect(delivery?.headers["x-cloudtasks-taskpreviousresponse"]).toBeUndefined();
  });

  test("is POST without a body by default, and GET when asked", async () => {
    const queue = await newQueue();
    await create(queue, "/default");
    await create(queue, "/get", { httpRequest: { httpMethod: "GET" } });
    await untilDelivered("/default", 1);
    await untilDelivered("/get", 1);
    expect(delivered("/default")[0]).toMatchObject({ method: "POST", headers: { "content-length": "0" } });
    expect(delivered("/get")[0]?.method).toBe("GET");
  });

  test("takes its name for good: ALREADY_EXISTS while it waits and after it is done or deleted", async () => {
    const queue = await newQueue();
    const done = { name: `${queue}/tasks/done` };
    const deleted = { name: `${queue}/tasks/deleted`, scheduleTime: atMs(Date.now() + 60_000) };
    await create(queue, "/named", done);
    await untilDelivered("/named", 1);
    await vi.waitFor(() => expect(server.queueDepth(queue)).toBe(0));
    await create(queue, "/deleted", deleted);
    const taken = { code: status.ALREADY_EXISTS };
    await expect(create(queue, "/deleted", deleted)).rejects.toMatchObject(taken);
    await client.deleteTask({ name: deleted.name });
    await expect(create(queue, "/deleted", deleted)).rejects.toMatchObject(taken);
    await expect(create(queue, "/named", done)).rejects.toMatchObject(taken);
    await expect(client.getTask(done)).rejects.toMatchObject({ code: status.NOT_FOUND });
    await expect(client.deleteTask(done)).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect(delivered("/named")).toHaveLength(1);
    expect(delivered("/deleted")).toHaveLength(0);
  });

  test("carries an identity token; its own Authorization gives way", async () => {
    const queue = await newQueue();
    const headers = { authorization: "Bearer mine" };
    const oidcToken = { serviceAccountEmail: "invoker@demo.test", audience: "https://coordinator.test" };
    await create(queue, "/oidc", { httpRequest: { headers, oidcToken } });
    await untilDelivered("/oidc", 1);
    expect(delivered("/oidc")[0]?.headers["authorization"]).toBe("Bearer token-for-https://coordinator.test");
    expect(minted.at(-1)).toEqual({ email: "invoker@demo.test", audience: "https://coordinator.test" });
    await create(queue, "/oidc?b", {
      httpRequest: { oidcToken: { serviceAccountEmail: "invoker@demo.test" } },
    });
    await untilDelivered("/oidc?b", 1);
    expect(minted.at(-1)?.audience).toBe(`${origin}/oidc?b`);
  });

  test("whose token cannot be minted is not sent, and tries again", async () => {
    const queue = await newQueue({ retryConfig: { maxAttempts: 2 } });
    await create(queue, "/no-token", {
      httpRequest: { oidcToken: { serviceAccountEmail: "nobody@demo.test" } },
    });
    await vi.waitFor(() => expect(server.queueDepth(queue)).toBe(0));
    expect(delivered("/no-token")).toHaveLength(0);
    const outcomes = events.filter((event) => event.kind === "answered" && queue.endsWith(`/${event.queue}`));
    expect(outcomes).toMatchObject([
      { outcome: { kind: "no-token" }, settled: "retry" },
      { outcome: { kind: "no-token" }, settled: "dropped" },
    ]);
  });

  test("that breaks a limit of Cloud Tasks is refused, one at the limit is not", async () => {
    const queue = await newQueue();
    await client.pauseQueue({ name: queue });
    const url = `${origin}/limits`;
    const refused = (task: Task) =>
      expect(client.createTask({ parent: queue, task })).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
    const accepted = (task: Task) =>
      expect(client.createTask({ parent: queue, task })).resolves.toHaveLength(3);
    const days = (count: number) => atMs(Date.now() + count * 24 * 3_600_000);
    const bytes = (size: number) => ({ url, body: Buffer.alloc(size) });
    const named = (id: string) => ({ name: `${queue}/tasks/${id}`, httpRequest: { url } });

    await refused({ httpRequest: bytes(1024 * 1024 - url.length + 1) });
    await accepted({ httpRequest: bytes(1024 * 1024 - url.length) });
    await refused({ httpRequest: { url }, scheduleTime: days(30.001) });
    await accepted({ httpRequest: { url }, scheduleTime: days(29.999) });
    await refused({ httpRequest: { url }, dispatchDeadline: { seconds: 14, nanos: 999_000_000 } });
    await refused({ httpRequest: { url }, dispatchDeadline: { seconds: 1_801 } });
    await accepted({ httpRequest: { url }, dispatchDeadline: { seconds: 15 } });
    await accepted({ httpRequest: { url }, dispatchDeadline: { seconds: 1_800 } });
    await refused(named("dot.ted"));
    await refused(named("x".repeat(501)));
    await accepted(named("x".repeat(500)));
    await refused({ name: `${parent}/queues/other/tasks/t`, httpRequest: { url } });
    await refused({});
    await refused({ httpRequest: { url: "ftp://example.test/" } });
    await refused({ httpRequest: { url: "http://" } });
    await refused({ httpRequest: { url: `${origin}/${"x".repeat(2_083)}` } });
    await refused({ httpRequest: { url, httpMethod: "GET", body: Buffer.from("x") } });
    await refused({ httpRequest: { url, headers: { a: "x".repeat(80 * 1024) } } });
    await refused({ httpRequest: { url, oauthToken: { serviceAccountEmail: "x@demo.test" } } });
    await refused({ appEngineHttpRequest: { relativeUri: "/" } });
  });

  test("is listed in pages, in order of creation", async () => {
    const queue = await newQueue();
    const scheduleTime = atMs(Date.now() + 60_000);
    for (const id of ["b", "a", "c"])
      await create(queue, "/listed", { name: `${queue}/tasks/${id}`, scheduleTime });
    const names: (string | null | undefined)[] = [];
    for await (const task of client.listTasksAsync({ parent: queue, pageSize: 2 })) names.push(task.name);
    expect(names).toEqual(["b", "a", "c"].map((id) => `${queue}/tasks/${id}`));
  });

  test("can be forced to run now, even in a paused queue", async () => {
    const queue = await newQueue();
    await client.pauseQueue({ name: queue });
    const task = await create(queue, "/forced", { scheduleTime: atMs(Date.now() + 60_000) });
    const [running] = await client.runTask({ name: task.name });
    expect(running.dispatchCount).toBe(1);
    await untilDelivered("/forced", 1);
    await vi.waitFor(() => expect(server.queueDepth(queue)).toBe(0));
    await expect(client.runTask({ name: task.name })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });
});

describe("a failed attempt", () => {
  test("is repeated after a doubling pause, and counted in the headers", async () => {
    const queue = await heldQueue("/flaky", { retryConfig: { minBackoff: { nanos: 100_000_000 } } });
    answers.set("/flaky", (attempt) => ({ code: [503, 409, 200][attempt - 1] ?? 200 }));
    await queue.add(1, { body: Buffer.from("again") });
    const came = [];
    for (const ms of [0, 99, 1, 199, 1, 1_000]) came.push(await queue.cameAfter(ms));
    expect(came).toEqual([1, 1, 2, 2, 3, 3]);
    const header = (name: string) =>
      delivered("/flaky").map(({ headers }) => headers[`x-cloudtasks-task${name}`]);
    expect(header("retrycount")).toEqual(["0", "1", "2"]);
    expect(header("executioncount")).toEqual(["0", "0", "1"]);
    expect(header("previousresponse")).toEqual([undefined, "503", "409"]);
    expect(delivered("/flaky").map(({ body }) => body.toString())).toEqual(["again", "again", "again"]);
    expect(new Set(header("name")).size).toBe(1);
  });

  test("is shown on the task until it succeeds", async () => {
    const queue = await newQueue({ retryConfig: { minBackoff: { seconds: 60 } } });
    answers.set("/broken", () => ({ code: 500 }));
    const { name } = await create(queue, "/broken");
    await vi.waitFor(async () => expect((await client.getTask({ name }))[0].responseCount).toBe(1));
    const [task] = await client.getTask({ name });
    expect(task).toMatchObject({
      dispatchCount: 1,
      lastAttempt: { responseStatus: { code: status.INTERNAL, message: "HTTP status code 500" } },
    });
    expect(Number(task.scheduleTime?.seconds) - Date.now() / 1_000).toBeGreaterThan(55);
    expect(task.firstAttempt?.dispatchTime?.seconds).toBe(task.lastAttempt?.dispatchTime?.seconds);
  });

  test("ends the task after its last allowed attempt", async () => {
    const queue = await newQueue({ retryConfig: { maxAttempts: 3, minBackoff: { nanos: 1_000_000 } } });
    answers.set("/always", () => ({ code: 500 }));
    await create(queue, "/always");
    await vi.waitFor(() => expect(server.queueDepth(queue)).toBe(0));
    expect(delivered("/always")).toHaveLength(3);
  });

  test("without any answer is one too: nothing listens there", async () => {
    const queue = await newQueue({ retryConfig: { maxAttempts: 1 } });
    const url = "http://127.0.0.1:1/";
    await client.createTask({ parent: queue, task: { httpRequest: { url } } });
    await vi.waitFor(() => expect(server.queueDepth(queue)).toBe(0));
    const outcome = events.findLast(
      (event) => event.kind === "answered" && queue.endsWith(`/${event.queue}`),
    );
    expect(outcome).toMatchObject({ outcome: { kind: "unreachable" }, settled: "dropped" });
  });

  test.each([429, 503])("with status %d waits as long as Retry-After says", async (code) => {
    const path = `/busy-${code}`;
    const queue = await heldQueue(path, { retryConfig: { minBackoff: { nanos: 1_000_000 } } });
    answers.set(path, (attempt) => (attempt === 1 ? { code, retryAfter: "1" } : {}));
    await queue.add(1);
    const came = [];
    for (const ms of [0, 999, 1]) came.push(await queue.cameAfter(ms));
    expect(came).toEqual([1, 1, 2]);
  });

  test("follows no redirect and ignores Retry-After of another status", async () => {
    const queue = await newQueue({ retryConfig: { minBackoff: { nanos: 1_000_000 }, maxAttempts: 2 } });
    answers.set("/moved", () => ({ code: 302, retryAfter: "3600" }));
    await create(queue, "/moved");
    await vi.waitFor(() => expect(server.queueDepth(queue)).toBe(0));
    expect(delivered("/moved")).toHaveLength(2);
  });
});

describe("limits on dispatching", () => {
  test("never more requests at a time than maxConcurrentDispatches", async () => {
    const queue = await newQueue({ rateLimits: { maxConcurrentDispatches: 3 } });
    answers.set("/wide", () => ({ afterMs: 60 }));
    let most = 0;
    const count = () => {
      const own = events.filter((event) => queue.endsWith(`/${event.queue}`));
      const open =
        own.filter((event) => event.kind === "dispatched").length -
        own.filter((event) => event.kind === "answered").length;
      most = Math.max(most, open);
    };
    const timer = setInterval(count, 2);
    await Promise.all(Array.from({ length: 9 }, () => create(queue, "/wide")));
    await vi.waitFor(() => expect(server.queueDepth(queue)).toBe(0), { timeout: 5_000 });
    clearInterval(timer);
    expect(most).toBe(3);
    expect(delivered("/wide")).toHaveLength(9);
  });

  test("after a burst no faster than maxDispatchesPerSecond", async () => {
    const queue = await heldQueue("/rate", { rateLimits: { maxDispatchesPerSecond: 20 } });
    await queue.add(16);
    const came = [];
    for (const ms of [0, 49, 1, 50, 200]) came.push(await queue.cameAfter(ms));
    expect(came).toEqual([10, 10, 11, 12, 16]);
  });
});

test("a duplicate is the same attempt again, after a while, whatever became of the first", async () => {
  const twice = await startTasks({
    mintIdToken: async () => "token",
    queues: [{ name: `${parent}/queues/twice` }, { name: `${parent}/queues/once` }],
    faults: [{ kind: "duplicate", queue: "twice", probability: 1, afterMs: 80 }],
    seed: 7,
  });
  const other = clientOf(twice);
  for (const id of ["twice", "once"]) {
    const httpRequest = { url: `${origin}/${id}`, body: Buffer.from(id) };
    await other.createTask({ parent: `${parent}/queues/${id}`, task: { httpRequest } });
  }
  await untilDelivered("/twice", 2);
  expect(twice.queueDepth(`${parent}/queues/twice`)).toBe(0);
  const [first, second] = delivered("/twice");
  expect(second?.headers).toEqual(first?.headers);
  expect(second?.body).toEqual(first?.body);
  await vi.waitFor(() => expect(twice.idle()).toBe(true));
  expect(delivered("/once")).toHaveLength(1);
  await other.close();
  await twice.stop();
});

test("idle says whether anything will still happen, and within what time", async () => {
  const tasks = await startTasks({ mintIdToken: async () => "", queues: [{ name: `${parent}/queues/q` }] });
  const other = clientOf(tasks);
  expect(tasks.idle()).toBe(true);
  const task = { httpRequest: { url: `${origin}/idle` }, scheduleTime: atMs(Date.now() + 60_000) };
  await other.createTask({ parent: `${parent}/queues/q`, task });
  expect(tasks.idle()).toBe(false);
  expect(tasks.idle(1_000)).toBe(true);
  expect(tasks.idle(61_000)).toBe(false);
  expect(() => tasks.queueDepth("nowhere")).toThrow(/There is no queue nowhere/);
  await other.close();
  await tasks.stop();
});

test("stop cuts what is under way, leaves no timer, and frees the port", async () => {
  const meter = new UsageMeter();
  const seen: TasksEvent[] = [];
  const tasks = await startTasks({
    mintIdToken: async () => "token",
    queues: [{ name: `${parent}/queues/q` }],
    faults: [{ kind: "duplicate", probability: 1, afterMs: 150 }],
    onEvent: (event) => seen.push(event),
    meter,
  });
  const other = clientOf(tasks);
  answers.set("/hanging", () => ({ afterMs: 60_000 }));
  for (const [path, delayMs] of [
    ["/hanging", 0],
    ["/future", 200],
  ] as const) {
    const task = { httpRequest: { url: `${origin}${path}` }, scheduleTime: atMs(Date.now() + delayMs) };
    await other.createTask({ parent: `${parent}/queues/q`, task });
  }
  await untilDelivered("/hanging", 1);
  await other.close();
  await Promise.all([tasks.stop(), tasks.stop()]);
  expect(seen.findLast((event) => event.kind === "answered")).toMatchObject({ outcome: { kind: "stopped" } });
  const count = seen.length;
  await sleep(300);
  expect(seen).toHaveLength(count);
  expect(delivered("/future")).toHaveLength(0);
  const dispatched = seen.filter(({ kind }) => kind === "dispatched").length;
  expect(meter.read().tasks).toEqual({ creates: 2, attempts: dispatched });
  const port = Number(tasks.address.split(":")[1]);
  const refused = await new Promise((resolve) => connect(port, "127.0.0.1").on("error", resolve));
  expect(refused).toMatchObject({ code: "ECONNREFUSED" });
});

test("a taken port is reported, not waited for", async () => {
  const port = Number(server.address.split(":")[1]);
  await expect(startTasks({ port, mintIdToken: async () => "" })).rejects.toThrow(/cannot listen on port/);
});
