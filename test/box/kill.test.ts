// Killed at every point: real processes, SIGKILL before and after each durable step and each answer, in every function. Each
// run ends as if nothing had happened.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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
  CRASHING,
  register,
  SCENARIOS,
  type ScenarioName,
  type Stage,
} from "../support/kill/scenarios.ts";

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

/** Scenarios whose clients would be invited by the other runs. */
const ALONE: ReadonlySet<ScenarioName> = new Set(["waiting", "roster"]);

/** Runs at a time. */
const PARALLEL = 3;

let dir: string;
let stage: Stage;
let stop: () => Promise<void> = async () => undefined;
const undisturbed = new Map<ScenarioName, unknown>();
const scenarioOf = new Map<string, ScenarioName>();
const lines: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "kill-"));
  const listener = resolve(import.meta.dirname, "../support/kill/listener.ts");
  const box = await startBox({
    firestore: "embedded",
    bundles: await bundleFunctions(),
    clientFunctions: [...CLIENTS, CRASHING].map((clientId) => ({ name: clientId, clientId })),
    cacheDir: tmpdir(),
    trainer: "test",
    functionEnv: { KILL_DIR: dir },
    functionExecArgv: ["--import", listener],
    queueSettings: { minBackoffMs: 50, maxBackoffMs: 500 },
    transactionIdleMs: 1_000,
    faults: [{ kind: "crash-before", function: CRASHING, probability: 1 }],
    onLog: ({ function: name, line }) => lines.push(`${name}: ${line}`),
  });
  const before = { ...process.env };
  Object.assign(process.env, box.env, box.envAs("coordinator"));
  const store = await connectStore({ projectId: box.projectId });
  const objects = connectObjects({
    bucket: buckets.models,
    projectId: box.projectId,
    apiEndpoint: box.env["STORAGE_API_ENDPOINT"] ?? "",
  });
  stage = { box, store, objects };
  stop = async () => {
    await box.stop();
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
  for (const clientId of [...CLIENTS, CRASHING]) {
    await box.putData(dataObjects.client(clientId), samples);
    await register(stage, clientId);
  }
});

afterAll(async () => {
  await writeFile("/tmp/kill-lines.txt", lines.join("\n"));
  await stop();
});

async function reached(): Promise<ReadonlySet<string>> {
  return new Set((await readFile(join(dir, "reached"), "utf8")).split("\n").filter((line) => line !== ""));
}

describe("undisturbed", () => {
  test.each(Object.keys(SCENARIOS) as ScenarioName[])("%s has an end, the same each time", async (name) => {
    const before = await reached();
    undisturbed.set(name, await SCENARIOS[name](stage, `undisturbed-${name}-00000001`));
    for (const point of await reached()) if (!before.has(point)) scenarioOf.set(point, name);
    expect(await SCENARIOS[name](stage, `undisturbed-${name}-00000002`)).toEqual(undisturbed.get(name));
  });

  test("every point is reached, and no other", () => {
    for (const point of ["api before register-client", "api after register-client"])
      scenarioOf.set(point, "roster");
    for (const moment of ["before", "after"]) scenarioOf.set(`api ${moment} answer /v1/clients`, "roster");
    expect([...scenarioOf.keys()].toSorted()).toEqual(POINTS.toSorted());
  });
});

test("killed at every point, every run ends as if it had not been", { timeout: 900_000 }, async () => {
  const failures: string[] = [];
  const killAtEach = async (left: string[]) => {
    for (let point = left.shift(); point !== undefined; point = left.shift()) {
      const name = scenarioOf.get(point) ?? "ordinary";
      const armed = join(dir, encodeURIComponent(point));
      await writeFile(armed, "");
      try {
        const end = await SCENARIOS[name](stage, `${point}-${name}-${String(left.length).padStart(8, "0")}`);
        expect(end).toEqual(undisturbed.get(name));
        await expect(readFile(armed)).rejects.toThrow("ENOENT");
      } catch (error) {
        failures.push(`${point} (${name}): ${String(error)}`);
        await rm(armed, { force: true });
      }
    }
  };
  const isAlone = (point: string) => ALONE.has(scenarioOf.get(point) ?? "ordinary");
  await killAtEach(POINTS.filter(isAlone));
  const others = POINTS.filter((point) => !isAlone(point));
  await Promise.all(Array.from({ length: PARALLEL }, () => killAtEach(others)));
  expect(failures, lines.slice(-30).join("\n")).toEqual([]);
  process.stdout.write(`killed at ${POINTS.length} points\n`);
});
