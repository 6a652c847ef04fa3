// Killed at every point: real processes, SIGKILL before and after each durable step and each answer, in every function. Each
// run ends as if nothing had happened.
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataObjects, startBox } from "../../infra/box/box.ts";
import { buckets } from "../../infra/box/deployment.ts";
import { bundleFunctions } from "../../infra/bundle/bundleFunctions.ts";
import { connectObjects } from "../../shared/cloud/objects/connectObjects.ts";
import { connectStore } from "../../shared/cloud/store/firestoreStore.ts";
import { STEPS } from "../../shared/core/steps.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import {
  CLIENTS,
  DEAD,
  register,
  SCENARIOS,
  type ScenarioName,
  type Stage,
} from "../support/kill/scenarios.ts";
import { eventually } from "../support/scriptedClient.ts";

/** Calls that are answered, by function. A new route belongs here: the suite fails on an answer it does not know. */
const ANSWERS: Readonly<Record<keyof typeof STEPS, readonly string[]>> = {
  api: [
    "/v1/clients",
    "/v1/clients/*",
    "/v1/runs",
    "/v1/runs/*/rounds",
    "/v1/runs/*/start",
    "/v1/runs/*/cancel",
  ],
  coordinator: ["/open-round", "/close-round", "/claim", "/report", "/sweep"],
  client: ["/"],
  aggregator: ["/aggregate"],
  evaluator: ["/prepare", "/evaluate"],
};

const POINTS = (Object.keys(STEPS) as (keyof typeof STEPS)[]).flatMap((name) =>
  [...STEPS[name], ...ANSWERS[name].map((path) => `answer ${path}`)].flatMap((step) => [
    `${name} before ${step}`,
    `${name} after ${step}`,
  ]),
);

/** Their scenarios have clients of their own, which other runs would invite. */
const ALONE = POINTS.filter((point) =>
  /(register|retire)-client|\/v1\/clients|coordinator \w+ enqueue open-round/.test(point),
);
const OTHERS = POINTS.filter((point) => !ALONE.includes(point));

let dir: string;
let stage: Stage;
let stop: () => Promise<void> = async () => undefined;
const undisturbed = new Map<ScenarioName, unknown>();
const scenarioOf = new Map<string, ScenarioName>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "kill-"));
  const listener = resolve(import.meta.dirname, "../support/kill/listener.ts");
  const box = await startBox({
    firestore: "embedded",
    bundles: await bundleFunctions(),
    clientFunctions: CLIENTS.map((clientId) => ({ name: clientId, clientId })),
    cacheDir: tmpdir(),
    trainer: "test",
    functionEnv: { KILL_DIR: dir },
    functionExecArgv: ["--import", listener],
    queueSettings: { minBackoffMs: 50, maxBackoffMs: 500 },
    transactionIdleMs: 1_000,
  });
  const nowhere = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(nowhere, "listening");
  const before = { ...process.env };
  Object.assign(process.env, box.env, box.envAs("coordinator"));
  const store = await connectStore({ projectId: box.projectId });
  const objects = connectObjects({
    bucket: buckets.models,
    projectId: box.projectId,
    apiEndpoint: box.env["STORAGE_API_ENDPOINT"] ?? "",
  });
  const { port } = nowhere.address() as AddressInfo;
  stage = { box, store, objects, nowhere: `http://127.0.0.1:${port}` };
  stop = async () => {
    await box.stop();
    nowhere.close();
    await store.close();
    for (const name of Object.keys(box.env)) delete process.env[name];
    Object.assign(process.env, before);
    await rm(dir, { recursive: true });
  };
  const samples = encodeSafetensors([
    floatTensor("x", [4, 4], new Float32Array(16)),
    floatTensor("y", [4], new Float32Array(4)),
  ]);
  await box.putData(dataObjects.evaluation, samples);
  for (const clientId of CLIENTS) await box.putData(dataObjects.client(clientId), samples);
  for (const clientId of [...CLIENTS, DEAD]) await register(stage, clientId);
});

afterAll(() => stop());

async function reached(): Promise<ReadonlySet<string>> {
  return new Set((await readFile(join(dir, "reached"), "utf8")).split("\n").filter((line) => line !== ""));
}

describe("undisturbed", () => {
  test.each(Object.keys(SCENARIOS) as ScenarioName[])("%s has an end, the same each time", async (name) => {
    const before = await reached();
    undisturbed.set(name, await SCENARIOS[name](stage, `undisturbed-${name}-00000001`));
    expect(await SCENARIOS[name](stage, `undisturbed-${name}-00000002`)).toEqual(undisturbed.get(name));
    for (const point of await reached()) if (!before.has(point)) scenarioOf.set(point, name);
  });

  test("every point is reached, and no other", async () => {
    // Clients were registered before the first scenario.
    for (const point of ALONE) if (!scenarioOf.has(point)) scenarioOf.set(point, "roster");
    const known = new Set(POINTS);
    const all = await eventually("every point being reached", async () => {
      const now = await reached();
      return POINTS.every((point) => now.has(point)) ? now : null;
    }).catch(reached);
    expect([...all].filter((point) => !known.has(point))).toEqual([]);
    expect(POINTS.filter((point) => !all.has(point))).toEqual([]);
  });
});

describe("killed, a run ends as if it had not been", () => {
  test.each(ALONE)("%s", killedAt);
});

describe("killed beside other runs, a run ends as if it had not been", () => {
  test.concurrent.each(OTHERS)("%s", killedAt);
});

async function killedAt(point: string): Promise<void> {
  const name = scenarioOf.get(point) ?? "ordinary";
  const armed = join(dir, encodeURIComponent(point));
  await writeFile(armed, "");
  try {
    expect(await SCENARIOS[name](stage, `${point}-${POINTS.indexOf(point)}`)).toEqual(undisturbed.get(name));
    // Another run may have gone by here, and been killed instead of this one.
    await eventually("the kill", async () =>
      (await readdir(dir)).includes(encodeURIComponent(point)) ? null : true,
    );
  } finally {
    await rm(armed, { force: true });
  }
}
