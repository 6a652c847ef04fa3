// The commands of package.json that nothing else runs, as a user starts them. Set-up was done before
// the tests.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decodeDataset } from "../../shared/cloud/tensors/dataset.ts";
import { eventually } from "../support/scriptedClient.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "commands-"));
});

afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  child = undefined;
  await rm(folder, { recursive: true });
});

function start(...args: string[]) {
  const started = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  child = started;
  let output = "";
  for (const stream of [started.stdout, started.stderr]) stream.on("data", (part) => (output += part));
  return {
    process: started,
    output: () => output,
    ended: once(started, "exit").then(([code]) => ({ code, output })),
  };
}

test("box: prints where it is, answers there, and leaves nothing behind", async () => {
  const { process: box, output, ended } = start("infra/cli/main.ts", "box", "--firestore", "embedded");
  const printed = (name: string) =>
    eventually(
      `${name} being printed`,
      async () => new RegExp(`export ${name}=['"]?([^'"\\s]+)`).exec(output())?.[1] ?? null,
      60_000,
    );
  const [url, token] = [await printed("API_URL"), await printed("TOKEN")];
  const described = await fetch(`${url}/openapi.json`, { headers: { authorization: `Bearer ${token}` } });
  expect(await described.json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
  box.kill("SIGINT");
  expect((await ended).code).toBe(0);
  await expect(fetch(`${url}/openapi.json`)).rejects.toThrow();
});

test("data: data sets that a client and the evaluator can read", async () => {
  const { code, output } = await start("infra/data/main.ts", "--clients", "2", "--out", folder).ended;
  expect(code, output).toBe(0);
  expect((await readdir(join(folder, "clients"))).sort()).toEqual([
    "clinic-01.safetensors",
    "clinic-02.safetensors",
  ]);
  const { x, y } = decodeDataset(await readFile(join(folder, "clients", "clinic-01.safetensors")));
  expect(x.shape.slice(1)).toEqual([28, 28, 1]);
  expect(y.shape).toEqual([x.shape[0]]);
  expect((await readdir(join(folder, "evaluation"))).length).toBe(1);
});

test("bench: measures what it is asked for", async () => {
  const file = join(folder, "bench.json");
  const { code, output } = await start("infra/bench/main.ts", "--only", "safetensors", "--json", file).ended;
  expect(code, output).toBe(0);
  const { results } = JSON.parse(await readFile(file, "utf8"));
  expect(results).toHaveLength(1);
  expect(results[0].failure).toBeNull();
  for (const { value } of results[0].figures) expect(value).toBeGreaterThan(0);
});
