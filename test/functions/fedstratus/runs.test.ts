// What commands do to runs, clients and models, beside what the table of commands tries.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refs } from "../../../shared/core/ports/store.ts";
import { modelObject } from "../../../shared/core/round/objects.ts";
import { registerClients } from "../../support/scriptedClient.ts";
import { trainTwoRounds } from "../../support/twoRounds.ts";
import { CLIENTS, SPEC, type Stage, setStage } from "./stage.ts";

let stage: Stage;
let done: string;
const file = (name: string, text: string) => writeFile(join(stage.folder, name), text);
const json = async (...words: string[]) => {
  const { code, stdout, stderr } = await stage.run([...words, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};
const runCount = async () => (await stage.cloud.store.listRuns({ limit: 1_000 })).items.length;

beforeAll(async () => {
  stage = await setStage();
  await registerClients(stage.cloud, CLIENTS);
  done = await trainTwoRounds(stage.cloud, SPEC);
  await file("spec.json", JSON.stringify(SPEC));
}, 60_000);
afterAll(() => stage.stop());

describe("run create", () => {
  test("prints the id alone, so that $(...) works, and @last is it", async () => {
    const { stdout } = await stage.run(["run", "create", "spec.json"]);
    expect(stdout).toMatch(/^commands-[0-9a-f]{8}\n$/);
    expect(await json("run", "show", "@last")).toMatchObject({ runId: stdout.trim() });
    const other = await stage.run(["run", "show", "@last"], { folder: join(stage.folder, "..") });
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("@last: no run") });
  });

  test("with the same key makes one run", async () => {
    const before = await runCount();
    const first = await json("run", "create", "spec.json", "--key", "k-1");
    expect(await json("run", "create", "spec.json", "--key", "k-1")).toMatchObject({ runId: first.runId });
    expect(await runCount()).toBe(before + 1);
  });

  test("takes YAML, standard input and changes", async () => {
    await file(
      "spec.yaml",
      "# A comment.\nname: Commands\nmodel: {builtin: tiny-mlp}\nselection: {strategy: random, cohortSize: 4}\n",
    );
    expect(await json("run", "create", "spec.yaml", "--set", "stop.rounds=7")).toMatchObject({
      spec: { stop: { rounds: 7 } },
    });
    const piped = await stage.run(["run", "create", "-", "--json", "--set", "name=Piped"], {
      stdin: JSON.stringify(SPEC),
    });
    expect(JSON.parse(piped.stdout)).toMatchObject({ spec: { name: "Piped" } });
  });

  test("takes a model from a file of its own, and no second one", async () => {
    const { model: _model, ...without } = SPEC;
    const layers = [
      {
        class_name: "Dense",
        config: { name: "hidden", units: 3, activation: "softmax", batch_input_shape: [null, 4] },
      },
    ];
    await file("model.json", JSON.stringify({ class_name: "Sequential", config: { name: "m", layers } }));
    await file("bare.json", JSON.stringify(without));
    expect(await json("run", "create", "bare.json", "--model", "model.json")).toMatchObject({
      spec: { model: { object: expect.any(String) } },
    });
    const twice = await stage.run(["run", "create", "spec.json", "--model", "model.json"]);
    expect(twice).toMatchObject({ code: 3, stderr: expect.stringContaining("spec.json has a model") });
  });

  test("creates nothing with --dry-run, nor of a spec with problems, all of which are listed", async () => {
    const before = await runCount();
    expect(await json("run", "create", "spec.json", "--dry-run")).toMatchObject({ problems: [] });
    const { code, stderr } = await stage.run([
      "run",
      "create",
      "spec.json",
      "--set",
      "seed=x",
      "--set",
      "stopp=1",
    ]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^ {2}seed: /m);
    expect(stderr).toMatch(/^ {2}stopp: .*perhaps stop is meant$/m);
    expect(await runCount()).toBe(before);
  });
});

describe("a run's name", () => {
  test("may be the beginning of one that is the only one", async () => {
    const runId = await stage.newRun({ ...SPEC, name: "Unique" });
    expect(await json("run", "show", "uniq")).toMatchObject({ runId });
    const { code, stderr } = await stage.run(["run", "show", "comm"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: \d+ runs begin with comm: commands-/);
  });
});

describe("what cannot be undone", () => {
  test("asks at a terminal, and does nothing without a yes", async () => {
    const runId = await stage.newRun();
    const ask = (stdin: string, ...flags: string[]) =>
      stage.run(["run", "cancel", runId, ...flags], { isTerminal: true, stdin });
    expect(await ask("n\n")).toMatchObject({ code: 1, stdout: "" });
    expect(await ask("y\n", "--no-input")).toMatchObject({ code: 2 });
    expect((await stage.cloud.store.get(refs.run(runId)))?.status).toBe("ready");
    expect(await ask("y\n")).toMatchObject({ code: 0, stdout: expect.stringContaining("cancelled") });
  });

  test("is refused in a pipe without --yes", async () => {
    const { code, stderr } = await stage.run(["client", "remove", "clinic-a"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Nobody is here to answer: say it with --yes.");
    expect((await stage.cloud.store.get(refs.client("clinic-a")))?.retired).toBe(false);
  });
});

test("--wait waits until an action has had its effect", async () => {
  const runId = await stage.newRun();
  expect((await stage.run(["run", "start", runId, "--wait"])).stdout).toBe("running\n");
  expect(await json("run", "cancel", runId, "--yes", "--wait")).toMatchObject({
    status: "cancelled",
    swept: true,
  });
});

test("lists have the api's documents, all pages of them, and an empty one is no sentence", async () => {
  const all = await json("run", "list", "--all");
  expect(all.items).toHaveLength(await runCount());
  expect(all.nextCursor).toBeNull();
  const { items, nextCursor } = await json("run", "list", "--limit", "2");
  expect([items.length, typeof nextCursor]).toEqual([2, "string"]);
  expect(await json("client", "list", "--label", "no=such")).toEqual({ items: [], nextCursor: null });
  const { stdout, stderr } = await stage.run(["client", "list", "--label", "no=such"]);
  expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "There is no client with these labels.\n" });
});

test("--fields are the columns of a table, and the keys of a document", async () => {
  const { stdout } = await stage.run(["round", "list", done, "--fields", "round,counts.invoked,spec"]);
  expect(stdout).toBe("");
  const piped = await stage.run(["round", "list", done, "--fields", "round,counts.invoked,baseVersion"]);
  expect(piped.stdout).toBe("1\t4\t0\n2\t4\t1\n");
  expect((await json("round", "list", done, "--fields", "round,status")).items).toEqual([
    { round: 1, status: "closed" },
    { round: 2, status: "closed" },
  ]);
});

test("round show says why a client was in it, and which is not known", async () => {
  expect(await json("round", "show", done, "1", "--why", "clinic-a")).toMatchObject({
    clientId: "clinic-a",
    isChosen: true,
    status: "consumed",
  });
  expect(await stage.run(["round", "show", done, "1", "--why", "nobody"])).toMatchObject({ code: 1 });
  expect(await json("round", "show", done)).toMatchObject({ round: 2 });
});

test("client import says of each row what became of it", async () => {
  const account = (name: string) => `${name}@silo.iam.gserviceaccount.com`;
  const rows = [
    "clientId,url,serviceAccount,memoryMib,label.region",
    `clinic-n,http://127.0.0.1:9,${account("n")},1024,north`,
    `clinic-a,http://127.0.0.1:9,${account("clinic-a")},,`,
    `clinic-b,http://127.0.0.1:10,${account("clinic-b")},,`,
    `Clinic X,nowhere,${account("x")},much,`,
    `clinic-n,http://127.0.0.1:9,${account("n")},,`,
  ];
  await file("clients.csv", `${rows.join("\n")}\n`);
  const dry = await stage.run(["client", "import", "clients.csv", "--dry-run", "--json"]);
  const results = (text: string) => JSON.parse(text).items.map(({ result }: { result: string }) => result);
  expect(dry.code).toBe(3);
  expect(results(dry.stdout)).toEqual(["added", "same", "different", "refused", "refused"]);
  expect(await stage.cloud.store.get(refs.client("clinic-n"))).toBeNull();
  const real = await stage.run(["client", "import", "clients.csv", "--json", "--parallel", "2"]);
  expect(results(real.stdout)).toEqual(["added", "same", "different", "refused", "refused"]);
  const { items } = JSON.parse(real.stdout);
  expect(items[3]).toMatchObject({ line: 5, clientId: "Clinic X" });
  expect(items[3].problems.map(({ path }: { path: string }) => path).toSorted()).toEqual([
    "capacity.memoryMib",
    "clientId",
    "url",
  ]);
  expect(await stage.cloud.store.get(refs.client("clinic-n"))).toMatchObject({
    capacity: { memoryMib: 1_024 },
    labels: { region: "north" },
  });
  expect((await stage.cloud.store.get(refs.client("clinic-b")))?.url).toBe("http://127.0.0.1:9");
});

test("model download writes the stored file, names its sum, and replaces nothing unasked", async () => {
  const stored = await stage.cloud.objects.read(modelObject(done, 1));
  const sha256 = createHash("sha256").update(stored).digest("hex");
  const words = ["model", "download", `${done}:1`, "--out", "one.safetensors"];
  expect(await json(...words)).toEqual({
    runId: done,
    version: 1,
    path: "one.safetensors",
    sizeBytes: stored.byteLength,
    sha256,
  });
  expect(await readFile(join(stage.folder, "one.safetensors"))).toEqual(Buffer.from(stored));
  expect(await stage.run(words)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("exists already"),
  });
  const { items } = await json("model", "list", done);
  expect(items.map(({ version }: { version: number }) => version)).toEqual([0, 1, 2]);
  expect(items[2]).toMatchObject({ round: 2, accuracy: 0.5, isLast: true });
});

test("-v shows each request with the trace that its failure names", async () => {
  const { stderr } = await stage.run(["run", "show", "nobody", "-v", "--json"]);
  const lines = stderr.trim().split("\n");
  expect(lines[0]).toMatch(/^GET \/v1\/runs\/nobody 404 in \d+ ms, trace [0-9a-f]{32}$/);
  expect(JSON.parse(lines.at(-1) ?? "").error.trace).toBe(/trace (\w+)/.exec(lines[0] ?? "")?.[1]);
});

test("no output holds the token", async () => {
  const token = await stage.cloud.token("operator", stage.cloud.urls.api);
  for (const words of [
    ["whoami"],
    ["whoami", "--json", "-v"],
    ["profile", "show"],
    ["run", "show", "nobody", "-v"],
  ]) {
    const { stdout, stderr } = await stage.run(words, { env: { FEDSTRATUS_TOKEN: token } });
    expect(stdout + stderr).not.toContain(token);
    expect(stdout + stderr).not.toContain(token.split(".")[2]);
  }
});
