// How instances end: asked to, made to, and when the runtime itself is killed. No process and no file may
// stay.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startRuntime } from "../../infra/box/runtime/startRuntime.ts";
import { isAlive, sampleSpec, startSample } from "../support/functions/startSample.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fs-test-"));
  vi.stubEnv("TMPDIR", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

test("stop ends every instance, frees the ports, removes its files, and may be repeated", async () => {
  const { runtime, self, url, events } = await startSample({ concurrency: 1 });
  const answers = await Promise.all([self("/wait?300"), self("/wait?300")]);
  expect(readdirSync(folder)).toHaveLength(1);
  await Promise.all([runtime.stop(), runtime.stop()]);
  for (const { pid } of answers) expect(isAlive(pid)).toBe(false);
  const exits = events.filter((event) => event.kind === "instance-exit");
  expect(exits.map(({ reason, code }) => [reason, code])).toEqual(exits.map(() => ["stop", 0]));
  const refused = await new Promise((resolve) =>
    connect(Number(new URL(url).port), "127.0.0.1").on("error", resolve),
  );
  expect(refused).toMatchObject({ code: "ECONNREFUSED" });
});

test("requests on their way when it stops are answered or cut, not left hanging", async () => {
  const { runtime, ask, self } = await startSample({ concurrency: 1, maxInstances: 1 });
  await self();
  const serving = ask("/wait?20000").then(
    ({ status }) => status,
    () => "cut",
  );
  const waiting = ask("/").then(({ status }) => status);
  await vi.waitFor(() => expect(runtime.stats()["sample"]).toMatchObject({ inFlight: 1, queued: 1 }));
  await runtime.stop();
  expect(await serving).toBe(500);
  expect(await waiting).toBe(503);
});

test("an instance that takes more memory than its function has is ended, with the region's words, and another one serves", async () => {
  const { runtime, ask, self, events, logs, requests } = await startSample({
    memoryMib: 200,
    memoryLookMs: 20,
  });
  const { pid } = await self();
  expect((await ask("/hold?20")).status).toBe(200);
  expect((await ask("/hold?200")).status).toBe(500);
  expect(requests().at(-1)).toMatchObject({ outcome: "crashed", status: 500 });
  expect(events.find(({ kind }) => kind === "instance-exit")).toMatchObject({
    reason: "memory",
    signal: "SIGKILL",
  });
  const [, usedMib] =
    /^Memory limit of 200 MiB exceeded with (\d+) MiB used\. Consider increasing the memory limit/.exec(
      logs.find(({ line }) => line.startsWith("Memory limit"))?.line ?? "",
    ) ?? [];
  expect(Number(usedMib)).toBeGreaterThan(200);
  expect(isAlive(pid)).toBe(false);
  expect((await self()).pid).not.toBe(pid);
  expect(runtime.stats()["sample"]).toMatchObject({ crashes: 1, outcomes: { answered: 3, crashed: 1 } });
  await runtime.stop();
});

test("an instance whose memory is not looked at takes what it likes", async () => {
  const { runtime, ask } = await startSample({ memoryMib: 200, memoryLookMs: 0 });
  expect((await ask("/hold?300")).status).toBe(200);
  await runtime.stop();
});

test("an instance that ignores SIGTERM is killed after the grace period", async () => {
  const { runtime, self, events, logs } = await startSample({}, { graceSeconds: 0.5 });
  const { pid } = await self("/deaf");
  const startMs = performance.now();
  await runtime.stop();
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(490);
  expect(isAlive(pid)).toBe(false);
  expect(events.at(-1)).toMatchObject({ kind: "instance-exit", reason: "stop", signal: "SIGKILL" });
  expect(logs.map(({ line }) => line)).toContain("SIGTERM ignored");
});

test("what an instance started itself ends with it", async () => {
  const { runtime, ask } = await startSample();
  const { child } = (await (await ask("/child")).json()) as { child: number };
  expect(isAlive(child)).toBe(true);
  await ask("/exit?0");
  await vi.waitFor(() => expect(isAlive(child)).toBe(false));
  await runtime.stop();
});

test("killed with SIGKILL, the runtime leaves no instance: idle, busy, standing still or with children", async () => {
  const program = `
    import { startSample } from ${JSON.stringify(new URL("../support/functions/startSample.ts", import.meta.url).href)};
    const faults = [{ kind: "slow", factor: 100, probability: 1, match: { field: "clientId", in: ["slow"] } }];
    const { self, ask } = await startSample({ concurrency: 1, maxInstances: 5 }, { faults });
    const answers = await Promise.all([1, 2, 3].map(() => self("/wait?1500")));
    const { child } = await (await ask("/child")).json();
    console.log(JSON.stringify([...answers.map(({ pid }) => pid), child]));
    const init = { body: '{"clientId":"slow"}', headers: { "content-type": "application/json" } };
    ask("/wait?60000", init);
    ask("/busy?60000");
  `;
  const host = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: folder },
  });
  const [line] = (await once(createInterface({ input: host.stdout }), "line")) as [string];
  const pids = JSON.parse(line) as number[];
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(pids.map(isAlive)).toEqual([true, true, true, true]);
  host.kill("SIGKILL");
  await once(host, "exit");
  await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false, false, false]), { timeout: 5_000 });
  await vi.waitFor(() => expect(readdirSync(folder)).toEqual([]), { timeout: 5_000 });
});

test("a start that fails leaves nothing: settings, rules, a taken port, a minimum that does not load", async () => {
  const { runtime, url } = await startSample();
  const port = Number(new URL(url).port);
  const start = (spec: object, options: object = {}) =>
    startRuntime({ functions: [{ ...sampleSpec, ...spec }], ...options });
  await expect(start({ concurrency: 0 })).rejects.toThrow(/concurrency must be/);
  await expect(start({}, { faults: [{ kind: "no", probability: 1 }] })).rejects.toThrow(/Fault rules/);
  await expect(start({}, { functions: [] })).rejects.toThrow(/unique names/);
  await expect(start({}, { functions: [sampleSpec, sampleSpec] })).rejects.toThrow(/unique names/);
  await expect(start({ sourceDir: tmpdir() })).rejects.toThrow(/No @google-cloud\/functions-framework/);
  await expect(start({ port })).rejects.toThrow(new RegExp(`cannot listen on port ${port}`));
  await expect(start({ target: "nowhere", minInstances: 1 })).rejects.toThrow(/ended before it listened/);
  expect(readdirSync(folder)).toHaveLength(1);
  await runtime.stop();

  const long = join(folder, "x".repeat(100));
  mkdirSync(long);
  vi.stubEnv("TMPDIR", long);
  await expect(start({})).rejects.toThrow(/too long a path/);
  expect(readdirSync(long)).toEqual([]);
  rmSync(long, { recursive: true });
});
