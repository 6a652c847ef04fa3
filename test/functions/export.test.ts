// `npm run export` on a run of the local cloud: the commands of docs/export.md, what they write, and what
// is refused, with nothing left behind.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse as parseCsv } from "csv-parse/sync";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { readGuide } from "../support/guides.ts";
import { MlflowStandIn } from "../support/mlflowStandIn.ts";
import { pythonWith } from "../support/pythonModules.ts";
import { registerClients } from "../support/scriptedClient.ts";
import { trainTwoRounds } from "../support/twoRounds.ts";

const main = fileURLToPath(new URL("../../infra/cli/main.ts", import.meta.url));
const CLIENTS = ["clinic-a", "clinic-b", "clinic-c", "clinic-d"];
const SPEC = {
  name: "=Export | <b>",
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 4 },
  evaluation: { metrics: ["f1"] },
  stop: { rounds: 2 },
};

const scorer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("tiny-mlp")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async () => ({ accuracy: 0.5, loss: 1.25, metrics: { f1: 0.375 }, details: null, samples: 8 }),
};

let cloud: TestCloud;
let folder: string;
let runId: string;
let mlflow: MlflowStandIn;
/** What each command of the guide has printed. */
const printed = new Map<string, string>();

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const token = await cloud.token("operator", cloud.urls.api);
  const exports = { API_URL: cloud.urls.api, FEDSTRATUS_TOKEN: token, MLFLOW_TRACKING_URI: mlflow.url };
  return promisify(execFile)(process.execPath, [main, "export", ...args], {
    cwd: folder,
    env: { ...process.env, ...exports, ...env },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => error,
  );
}

const read = (...path: string[]) => readFile(join(folder, ...path));
const text = async (...path: string[]) => (await read(...path)).toString("utf8");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "export-"));
  mlflow = await MlflowStandIn.start();
  cloud = await startTestCloud({
    trainer: async () => scorer,
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  await registerClients(cloud, CLIENTS);
  runId = await trainTwoRounds(cloud, SPEC);
  await mkdir(join(folder, "exports"));
  const commands = [...readGuide("docs/export.md").matchAll(/^npm run export -- (.+)$/gm)];
  expect(commands.length).toBeGreaterThan(8);
  for (const [, line = ""] of commands) {
    const filled = line.replaceAll("$RUN", runId).replaceAll("$MLFLOW_TRACKING_URI", mlflow.url);
    const ran = await run(filled.split(" "));
    expect(ran, line).toMatchObject({ code: 0, stderr: "" });
    printed.set(/--format (\w+)/.exec(line)?.[1] ?? "", ran.stdout);
  }
}, 120_000);

afterAll(async () => {
  await cloud.stop();
  await mlflow.stop();
  await rm(folder, { recursive: true });
});

interface Refusal {
  readonly what: string;
  readonly args: () => readonly string[];
  readonly why: RegExp;
  readonly env?: Readonly<Record<string, string>>;
}

const files = async (name: string) => (await readdir(join(folder, "exports", name))).toSorted();

describe("a model", () => {
  test("as safetensors is the version that was asked for, with facts in its header", async () => {
    expect(await files("safetensors")).toEqual(["README.md", "metadata.json", "model.safetensors"]);
    const { tensors, metadata } = decodeSafetensors(
      await read("exports", "safetensors", "model.safetensors"),
    );
    const stored = decodeSafetensors(await cloud.objects.read(modelObject(runId, 1)));
    const plain = (list: typeof tensors) => new Map(list.map(({ name, data }) => [name, [...data]]));
    expect(plain(tensors)).toEqual(plain(stored.tensors));
    expect(metadata).toMatchObject({
      runId,
      version: "1",
      metrics: '{"accuracy":0.5,"loss":1.25,"f1":0.375}',
    });
    expect(JSON.parse(metadata["kerasNames"] ?? "")["hidden/kernel"]).toBe("hidden/kernel");
    const told = JSON.parse(await text("exports", "safetensors", "metadata.json"));
    expect(told).toMatchObject({ runId, version: 1, metrics: { f1: 0.375 } });
    expect(told.specSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test("of each format says where it is", () => {
    expect(printed.get("keras")).toBe(
      ["README.md", "metadata.json", "model.keras"].map((name) => `exports/keras/${name}\n`).join(""),
    );
    expect(printed.get("tfjs")).toContain("exports/tfjs/group1-shard1of1.bin\n");
  });

  test("has a card that names nobody, and whose texts are no markup", async () => {
    const card = await text("exports", "keras", "README.md");
    expect(card).toMatch(/^---\nlibrary_name: keras\ntags:\n/);
    expect(card).toContain("# =Export \\| \\<b\\>, version ");
    expect(card).toContain("| clients that contributed | 4 |");
    expect(card).toMatch(/\| samples that the clients' last updates counted for, together \| 40 \|/);
    expect(card).toContain("| differential privacy | none |");
    expect(card).toContain("| f1 | 0.375 |");
    for (const clientId of CLIENTS) expect(card).not.toContain(clientId);
    const named = await text("exports", "npz", "README.md");
    for (const clientId of CLIENTS) expect(named).toContain(`| ${clientId} | 2 | 10 |`);
  });

  const { path: python, reason } = pythonWith("numpy");
  test.skipIf(python === null)(`as npz is what NumPy reads${reason}`, async () => {
    const script =
      "import json, numpy, sys; f = numpy.load(sys.argv[1]); print(json.dumps({n: [list(f[n].shape), f[n].dtype.str, f[n].ravel().tolist()] for n in f}))";
    const path = join(folder, "exports", "npz", "model.npz");
    const { stdout } = await promisify(execFile)(python ?? "", ["-c", script, path]);
    const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, 2)));
    const wanted = tensors.map(({ name, shape, data }) => [
      name,
      [shape, "<f4", [...new Float32Array(data.slice().buffer)]],
    ]);
    expect(JSON.parse(stdout)).toEqual(Object.fromEntries(wanted));
  });
});

describe("tables", () => {
  test("have a row a round and a row an invocation, the same in each format", async () => {
    const rounds = parseCsv(await text("exports", "tables", "rounds.csv"), { columns: true }) as Record<
      string,
      string
    >[];
    expect(rounds).toHaveLength(2);
    expect(rounds[0]).toMatchObject({
      runId,
      round: "1",
      invoked: "4",
      inTime: "4",
      eur: "1",
      metric_f1: "0.375",
    });
    expect(rounds[0]?.["openedAt"]).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    const lines = (await text("exports", "jsonl", "rounds.jsonl")).trimEnd().split("\n");
    const json = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(Object.keys(json[0] ?? {})).toEqual(Object.keys(rounds[0] ?? {}));
    const parquet = await parquetReadObjects({
      file: await asyncBufferFromFile(join(folder, "exports", "parquet", "rounds.parquet")),
    });
    for (const [i, row] of json.entries()) {
      for (const [name, value] of Object.entries(row)) {
        expect(rounds[i]?.[name], name).toBe(value === null ? "" : String(value));
        const typed = parquet[i]?.[name];
        const plain =
          typed instanceof Date ? typed.toISOString() : typeof typed === "bigint" ? Number(typed) : typed;
        expect(plain ?? null, name).toEqual(value);
      }
    }
    const invocations = parseCsv(await text("exports", "tables", "invocations.csv"), {
      columns: true,
    }) as Record<string, string>[];
    expect(invocations).toHaveLength(8);
    expect(invocations[0]).toMatchObject({
      clientId: "clinic-a",
      status: "consumed",
      samples: "10",
      trainMs: "1000",
    });
    expect(Object.keys(invocations[0] ?? {})).not.toContain("serviceAccount");
  });
});

describe("tools", () => {
  test("get events, a trace and an MLflow run", async () => {
    const [name = ""] = await readdir(join(folder, "exports", "events", runId));
    expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\.fedstratus$/);
    const trace = JSON.parse(await text("exports", "trace", "trace.json"));
    const named = trace.traceEvents.filter(({ name: what }: { name: string }) => what === "thread_name");
    expect(named.map(({ args }: { args: { name: string } }) => args.name)).toEqual(["rounds", ...CLIENTS]);
    expect(mlflow.runs).toHaveLength(1);
    expect(mlflow.runs[0]).toMatchObject({ name: runId, status: "FINISHED", experiment: "clinics" });
    expect(mlflow.runs[0]?.params.get("selection.strategy")).toBe("random");
    expect(
      mlflow.runs[0]?.metrics.filter(({ key }) => key === "score/f1").map(({ value, step }) => [step, value]),
    ).toEqual([
      [1, 0.375],
      [2, 0.375],
    ]);
  });

  const { path: python, reason } = pythonWith("tensorboard");
  test.skipIf(python === null)(`TensorBoard reads the events${reason}`, { timeout: 120_000 }, async () => {
    const script = fileURLToPath(new URL("../support/python/readEvents.py", import.meta.url));
    const { stdout } = await promisify(execFile)(python ?? "", [
      script,
      join(folder, "exports", "events", runId),
    ]);
    const scalars = JSON.parse(stdout);
    expect(scalars["score/f1"]).toEqual([
      [1, 0.375],
      [2, 0.375],
    ]);
    expect(scalars["round/eur"]).toEqual([
      [1, 1],
      [2, 1],
    ]);
    const round = await cloud.store.get(refs.round(runId, 2));
    expect(scalars["round/seconds"][1][1]).toBeCloseTo((round?.timings.wallMs ?? 0) / 1_000, 3);
  });
});

describe("is refused in one sentence, with nothing left behind", () => {
  const out = ["--out", "x"];
  const csv = (...args: readonly string[]) => ["--run", runId, "--format", "csv", ...args];
  const cases: readonly Refusal[] = [
    {
      what: "a folder that exists",
      args: () => csv("--out", "exports"),
      why: /--out exports exists already/,
    },
    {
      what: "a folder within none",
      args: () => csv("--out", "/proc/none/out"),
      why: /--out .* cannot be used/,
    },
    {
      what: "a run that is not there",
      args: () => ["--run", "nobody", "--format", "csv", ...out],
      why: /answered 404: .*nobody/,
    },
    {
      what: "a version that is not there",
      args: () => ["--run", `${runId}:7`, "--format", "npz", ...out],
      why: /no model version 7/,
    },
    {
      what: "no identity",
      args: () => csv(...out),
      why: /There is no identity/,
      env: { FEDSTRATUS_TOKEN: "", GCE_METADATA_HOST: "" },
    },
    {
      what: "a token that is none",
      args: () => csv(...out),
      why: /FEDSTRATUS_TOKEN holds no identity token/,
      env: { FEDSTRATUS_TOKEN: "secret words" },
    },
    {
      what: "a token of somebody else",
      args: () => csv(...out),
      why: /answered 401/,
      env: { FEDSTRATUS_TOKEN: "a.b.c" },
    },
    {
      what: "an address where nothing is",
      args: () => csv(...out, "--api", "http://127.0.0.1:9"),
      why: /Nothing answers at http:\/\/127\.0\.0\.1:9/,
    },
  ];
  test.each(cases)("$what", async ({ args, why, env = {} }) => {
    const there = await readdir(folder);
    const ran = await run(args(), env);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(why);
    expect(ran.stderr).not.toMatch(/secret words|\n.*\n|at file:/);
    expect(await readdir(folder)).toEqual(there);
  });

  test("by an MLflow server whose run is marked as failed then", async () => {
    mlflow.failNext("runs/log-batch", 500, "the disk is full");
    const ran = await run(["--run", runId, "--format", "mlflow", "--experiment", "broken"]);
    expect(ran).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/MLflow answered 500 .*the disk is full/),
    });
    expect(mlflow.runs.at(-1)).toMatchObject({ experiment: "broken", status: "FAILED" });
  });
});

test("--force replaces files of the same names, and leaves all others", async () => {
  await mkdir(join(folder, "kept"));
  await writeFile(join(folder, "kept", "mine.txt"), "mine");
  await writeFile(join(folder, "kept", "rounds.csv"), "old");
  const ran = await run(["--run", runId, "--format", "csv", "--what", "rounds", "--out", "kept", "--force"]);
  expect(ran).toMatchObject({ code: 0, stdout: "kept/rounds.csv\n" });
  expect((await readdir(join(folder, "kept"))).toSorted()).toEqual(["mine.txt", "rounds.csv"]);
  expect(await text("kept", "mine.txt")).toBe("mine");
  expect(await text("kept", "rounds.csv")).toMatch(/^runId,round,/);
});

test("a token of a file works, and rounds are chosen by a range", async () => {
  await writeFile(join(folder, "token"), `${await cloud.token("operator", cloud.urls.api)}\n`);
  const args = ["--run", runId, "--format", "jsonl", "--what", "rounds", "--rounds", "2", "--out", "second"];
  const ran = await run([...args, "--token-file", "token"], { FEDSTRATUS_TOKEN: "" });
  expect(ran).toMatchObject({ code: 0 });
  const lines = (await text("second", "rounds.jsonl")).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).round)).toEqual([2]);
});

test("Ctrl-C ends it at once, with nothing left behind", async () => {
  const held = createServer(() => undefined); // It never answers.
  await new Promise<void>((resolve) => held.listen(0, "127.0.0.1", resolve));
  const there = await readdir(folder);
  try {
    const api = `http://127.0.0.1:${(held.address() as AddressInfo).port}`;
    const args = ["--run", runId, "--format", "csv", "--out", "cut", "--api", api];
    const asked = new Promise<void>((resolve) => held.once("request", () => resolve()));
    const child = execFile(process.execPath, [main, "export", ...args], {
      cwd: folder,
      env: { ...process.env, FEDSTRATUS_TOKEN: "a.b.c" },
    });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await asked;
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(await readdir(folder)).toEqual(there);
  } finally {
    held.closeAllConnections();
    await new Promise((resolve) => held.close(resolve));
  }
});
