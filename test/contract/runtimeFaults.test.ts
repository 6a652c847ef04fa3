// Every kind of injected fault on real processes: what the caller sees, and what has happened to the
// instance.
import { afterEach, expect, test, vi } from "vitest";
import type { FaultRule } from "../../infra/box/runtime/faults.ts";
import { isAlive, type Sample, startSample } from "../support/functions/startSample.ts";

let sample: Sample;
afterEach(() => sample.runtime.stop());

/** A sample whose requests of this client are struck. */
async function startWith(fault: object, spec: object = {}): Promise<Sample> {
  const match = { field: "clientId", in: ["client-07"] };
  const rule = { probability: 1, match, ...fault } as FaultRule;
  sample = await startSample(spec, { faults: [rule], seed: 7 });
  return sample;
}
const from = (clientId: string, more: object = {}): RequestInit => ({
  body: JSON.stringify({ clientId, ...more }),
  headers: { "content-type": "application/json", "x-cloudtasks-taskname": `invoke_${clientId}` },
});
const lastExit = () => sample.events.findLast((event) => event.kind === "instance-exit");

test("crash-before: the handler never sees the request, the caller gets 500, the next one a cold start", async () => {
  const { self, ask, requests } = await startWith({ kind: "crash-before" });
  const before = await self("/", from("client-01"));
  const answer = await ask("/", from("client-07"));
  expect([answer.status, await answer.text()]).toEqual([
    500,
    "The instance ended before it had answered this request.",
  ]);
  expect(isAlive(before.pid)).toBe(false);
  expect(lastExit()).toMatchObject({ reason: "fault", signal: "SIGKILL", inFlight: 1 });
  expect(requests().at(-1)).toMatchObject({
    fault: "crash-before",
    outcome: "crashed",
    task: "invoke_client-07",
  });
  const after = await self("/", from("client-01"));
  expect(after.served).toBe(1);
  expect(requests().at(-1)).toMatchObject({ fault: null, coldStart: true });
});

test("crash-during: the instance dies within the handler, and what it served besides dies with it", async () => {
  const { ask, self } = await startWith({ kind: "crash-during", afterMs: 300 });
  const { pid } = await self("/", from("client-01"));
  const beside = ask("/wait?3000", from("client-01"));
  const answer = await ask("/wait?3000", from("client-07"));
  expect([answer.status, (await beside).status]).toEqual([500, 500]);
  expect(isAlive(pid)).toBe(false);
  expect(lastExit()).toMatchObject({ reason: "fault", inFlight: 2 });
});

test("crash-during: a handler that has answered by then is spared", async () => {
  const { ask, runtime } = await startWith({ kind: "crash-during", afterMs: 250 });
  expect((await ask("/", from("client-07"))).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 350));
  expect(runtime.stats()["sample"]).toMatchObject({ instances: 1, outcomes: { answered: 1 } });
});

test("crash-after: the handler has finished, the caller does not learn it", async () => {
  const { ask, self, logs } = await startWith({ kind: "crash-after" });
  const { pid } = await self("/", from("client-01"));
  expect((await ask("/log", from("client-07"))).status).toBe(500);
  await vi.waitFor(() => expect(logs.map(({ line }) => line)).toContain("to stdout"));
  expect(isAlive(pid)).toBe(false);
});

test("lost-response: the handler has finished, the connection is cut, the instance lives", async () => {
  const { ask, self, requests } = await startWith({ kind: "lost-response" });
  const before = await self("/", from("client-01"));
  await expect(ask("/", from("client-07"))).rejects.toThrow(/fetch failed/);
  expect(requests().at(-1)).toMatchObject({ outcome: "response-lost", status: null, fault: "lost-response" });
  expect(await self("/", from("client-01"))).toMatchObject({ pid: before.pid, served: 3 });
});

test("delayed: the request reaches its instance later", async () => {
  const { ask, requests } = await startWith({ kind: "delayed", delayMs: 300 }, { minInstances: 1 });
  expect((await ask("/", from("client-07"))).status).toBe(200);
  expect(requests().at(-1)?.queueMs).toBeGreaterThanOrEqual(299);
});

test("slow: the process gets a share of the time while it serves the request, then all of it again", async () => {
  const { ask } = await startWith({ kind: "slow", factor: 4 });
  const wallMs = async (clientId: string) =>
    ((await (await ask("/busy?300", from(clientId))).json()) as { wallMs: number }).wallMs;
  await wallMs("client-01");
  // It stands still for three quarters of the time, so 300 ms of processor time take about 1,200 ms.
  expect(await wallMs("client-07")).toBeGreaterThan(500);
  await wallMs("client-01");
  expect(sample.requests().map(({ fault }) => fault)).toEqual([null, "slow", null]);
});

test("a slow instance can be stopped while it stands still", async () => {
  const { ask, runtime, self } = await startWith({ kind: "slow", factor: 100 });
  const { pid } = await self("/", from("client-01"));
  const busy = ask("/wait?20000", from("client-07")).catch((error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 250));
  await runtime.stop();
  expect(isAlive(pid)).toBe(false);
  await busy;
});

test("bodies that are looked at arrive whole; large, broken and other ones are left alone", async () => {
  const { ask, requests } = await startWith({ kind: "crash-before" });
  const text = JSON.stringify({ clientId: "client-01", pad: "x".repeat(1_000) });
  const json = { "content-type": "application/json" };
  const seen = (await (await ask("/echo", { body: text, headers: json })).json()) as { bytes: number };
  expect(seen.bytes).toBe(Buffer.byteLength(text));
  const large = JSON.stringify({ clientId: "client-07", pad: "x".repeat(64 * 1024) });
  expect((await ask("/echo", { body: large, headers: json })).status).toBe(201);
  expect((await ask("/echo", { body: "{", headers: json })).status).toBe(400);
  const plain = { "content-type": "text/plain" };
  expect((await ask("/echo", { body: '{"clientId":"client-07"}', headers: plain })).status).toBe(201);
  expect(requests().map(({ fault }) => fault)).toEqual([null, null, null, null]);
});

test("the same seed strikes the same attempts, in whatever order they come", async () => {
  const struck: string[][] = [];
  for (const order of [1, -1]) {
    const faults: FaultRule[] = [{ kind: "lost-response", probability: 0.5 }];
    sample = await startSample({}, { faults, seed: 11 });
    const { requests, runtime, ask } = sample;
    const tasks = Array.from({ length: 12 }, (_, i) => `t${i}`);
    for (const task of order === 1 ? tasks : tasks.toReversed()) {
      await ask("/", {
        headers: { "x-cloudtasks-taskname": task, "x-cloudtasks-taskretrycount": "0" },
      }).catch(() => {});
    }
    struck.push(
      requests()
        .flatMap(({ fault, task }) => (fault && task ? [task] : []))
        .sort(),
    );
    await runtime.stop();
  }
  expect(struck[0]).toEqual(struck[1]);
  expect(struck[0]?.length).toBeGreaterThan(0);
  expect(struck[0]?.length).toBeLessThan(12);
});
