// Instances of a function as real processes: when they start, how many, what they are given, and when they
// end.
import { afterEach, expect, test, vi } from "vitest";
import { startRuntime } from "../../infra/box/runtime/startRuntime.ts";
import { isAlive, type Sample, sampleSpec, startSample } from "../support/functions/startSample.ts";

let sample: Sample;
const start = async (...args: Parameters<typeof startSample>) => {
  sample = await startSample(...args);
  return sample;
};
afterEach(() => sample.runtime.stop());

const ended = (pid: number) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000 });

test("nothing runs before the first request; it starts an instance, the next one finds it warm", async () => {
  const { runtime, events, self, requests } = await start();
  expect(runtime.stats()["sample"]).toMatchObject({ instances: 0, coldStarts: 0, requests: 0 });
  const first = await self();
  const second = await self();
  expect([first.served, second.served, second.pid]).toEqual([1, 2, first.pid]);
  expect(events.map(({ kind }) => kind)).toEqual(["cold-start", "request", "request"]);
  expect(requests()).toMatchObject([
    { coldStart: true, outcome: "answered", status: 200, instance: "sample-0001", method: "POST", path: "/" },
    { coldStart: false, outcome: "answered", status: 200, task: null, fault: null },
  ]);
  const stats = runtime.stats()["sample"];
  expect(stats).toMatchObject({ requests: 2, outcomes: { answered: 2 }, coldStarts: 1, instances: 1 });
  expect(stats?.startMs[0]).toBeGreaterThan(10);
  expect(requests()[0]?.queueMs).toBeGreaterThanOrEqual(stats?.startMs[0] ?? 0);
});

test("an instance has the environment of production, the function's own, and nothing of ours", async () => {
  vi.stubEnv("SECRET_OF_THE_HOST", "1");
  const { url, ask } = await start({
    memoryMib: 400,
    execArgv: ["--no-deprecation"],
    env: (urls) => ({ OWN: "yes", SAMPLE_URL: urls["sample"] ?? "" }),
  });
  const { env, execArgv, cwd } = (await (await ask("/env")).json()) as Record<string, Record<string, string>>;
  expect(env).toMatchObject({
    PORT: "8080",
    K_SERVICE: "sample",
    K_REVISION: "sample-00001-box",
    K_CONFIGURATION: "sample",
    FUNCTION_TARGET: "sample",
    CLOUD_RUN_TIMEOUT_SECONDS: "20",
    NODE_ENV: "production",
    OWN: "yes",
    SAMPLE_URL: url,
  });
  expect(env).not.toHaveProperty("SECRET_OF_THE_HOST");
  expect(execArgv).toEqual(["--max-old-space-size=300", "--no-deprecation"]);
  expect(`${cwd}/`).toBe(sampleSpec.sourceDir);
  vi.unstubAllEnvs();
});

test("with concurrency 80 one instance serves twenty requests at once", async () => {
  const { runtime, self } = await start({ concurrency: 80 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => self("/wait?300")));
  expect(new Set(answers.map(({ pid }) => pid)).size).toBe(1);
  expect(Math.max(...answers.map(({ mostRunning }) => mostRunning))).toBe(20);
  expect(runtime.stats()["sample"]?.coldStarts).toBe(1);
});

test("with concurrency 1 no instance ever serves two, and there are never more than the maximum", async () => {
  const { runtime, self } = await start({ concurrency: 1, maxInstances: 2 });
  const answers = await Promise.all(Array.from({ length: 6 }, () => self("/wait?100")));
  expect(new Set(answers.map(({ pid }) => pid)).size).toBe(2);
  expect(answers.map(({ mostRunning }) => mostRunning)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(runtime.stats()["sample"]).toMatchObject({ coldStarts: 2, instances: 2, inFlight: 0, queued: 0 });
});

test("over the maximum a request waits for a while and is then answered 429", async () => {
  const { self, ask, requests } = await start({ concurrency: 1, maxInstances: 1, queueSeconds: 0.4 });
  await self();
  const long = self("/wait?1500");
  const [refused, body] = await ask("/").then(async (answer) => [answer, await answer.text()] as const);
  expect([refused.status, body]).toEqual([429, "Rate exceeded."]);
  expect(requests().at(-1)).toMatchObject({ outcome: "no-instance", status: 429, instance: null });
  await long;
  expect((await ask("/")).status).toBe(200);
});

test("an idle instance ends after its time; the next request is a cold start again", async () => {
  const { events, self } = await start({ idleSeconds: 0.3 });
  const first = await self();
  await ended(first.pid);
  await vi.waitFor(() =>
    expect(events.at(-1)).toMatchObject({ kind: "instance-exit", reason: "idle", code: 0, inFlight: 0 }),
  );
  const second = await self();
  expect(second).toMatchObject({ served: 1 });
  expect(second.pid).not.toBe(first.pid);
});

test("the minimum is there from the start and stays; scaleDown leaves it, and ends the rest", async () => {
  const { runtime, self, requests } = await start({ concurrency: 1, minInstances: 1, idleSeconds: 3 });
  expect(runtime.stats()["sample"]).toMatchObject({ coldStarts: 1, instances: 1 });
  await self();
  expect(requests().at(-1)?.coldStart).toBe(false);
  await Promise.all([self("/wait?100"), self("/wait?100")]);
  await vi.waitFor(() => expect(runtime.stats()["sample"]?.coldStarts).toBe(2), { timeout: 5_000 });
  await runtime.scaleDown("sample");
  expect(runtime.stats()["sample"]).toMatchObject({ coldStarts: 2, instances: 1 });
});

test("lines that an instance writes come with its name", async () => {
  const { logs, self } = await start();
  await self("/log");
  await vi.waitFor(() => expect(logs).toHaveLength(2));
  const from = { function: "sample", instance: "sample-0001" };
  expect(logs).toContainEqual({ ...from, line: "to stdout" });
  expect(logs).toContainEqual({ ...from, line: "to stderr" });
});

test("a function that cannot be loaded is answered 503 and says why in the log", async () => {
  const { logs, ask, requests, runtime } = await start({ target: "nowhere" });
  expect((await ask("/")).status).toBe(503);
  expect(requests()).toMatchObject([{ outcome: "not-started", instance: null }]);
  expect(logs.map(({ line }) => line).join("\n")).toContain("Function 'nowhere' is not defined");
  expect(runtime.stats()["sample"]).toMatchObject({ instances: 0, coldStarts: 0, crashes: 1 });
});

test("an instance that ends by itself costs the requests it served, and only those", async () => {
  const { ask, self, requests, events } = await start();
  const { pid } = await self();
  const beside = ask("/wait?5000");
  await new Promise((resolve) => setTimeout(resolve, 50));
  const crashed = await ask("/exit?7");
  // The framework still answers the request that it saw last; the others find their connection closed.
  expect([crashed.status, (await beside).status]).toEqual([500, 500]);
  expect(await (await beside).text()).toBe("The instance ended before it had answered this request.");
  await ended(pid);
  expect(events.find(({ kind }) => kind === "instance-exit")).toMatchObject({ reason: "crash", code: 7 });
  expect(requests().filter(({ outcome }) => outcome === "crashed").length).toBeGreaterThanOrEqual(1);
  const next = await self();
  expect(next.pid).not.toBe(pid);
});

test("a handler that throws is the function's own 500; its instance lives on", async () => {
  const { ask, self, requests } = await start();
  const { pid } = await self();
  expect((await ask("/throw")).status).toBe(500);
  expect(requests().at(-1)).toMatchObject({ outcome: "answered", status: 500 });
  expect((await self()).pid).toBe(pid);
});

test("functions know each other's addresses, and each answers at its own", async () => {
  const own = (urls: Readonly<Record<string, string>>) => ({ PEER: urls["two-b"] ?? "" });
  const runtime = await startRuntime({
    functions: [
      { ...sampleSpec, name: "one", env: own },
      { ...sampleSpec, name: "two-b", env: { WHO: "two" } },
    ],
  });
  const envOf = async (name: string) =>
    ((await (await fetch(`${runtime.url(name)}/env`)).json()) as { env: Record<string, string> }).env;
  expect((await envOf("one"))["PEER"]).toBe(runtime.url("two-b"));
  expect(await envOf("two-b")).toMatchObject({ WHO: "two", K_SERVICE: "two-b" });
  expect(runtime.env).toEqual({ ONE_URL: runtime.url("one"), TWO_B_URL: runtime.url("two-b") });
  expect(() => runtime.url("three")).toThrow(/There is no function three/);
  await runtime.stop();
  await start();
});
