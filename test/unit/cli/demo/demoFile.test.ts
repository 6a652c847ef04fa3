// What a demo remembers in its data folder, and what it refuses to go on with.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rememberedRun, rememberRun } from "../../../../infra/cli/demo/demoFile.ts";

const options = {
  strategy: ["random"],
  rounds: 10,
  clients: 20,
  cohort: 8,
  ownFunctions: false,
  seed: 7,
  stragglers: 0.2,
  aggregation: "fedavg",
  encoding: "f32",
  validation: 0.1,
};
const other = {
  ...options,
  ...{ strategy: ["fedlesscan"], rounds: 3, clients: 3, cohort: 3, ownFunctions: true, seed: 3 },
  ...{ stragglers: 0.3, aggregation: "median", encoding: "f16", validation: 0.2 },
};
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "demo-file-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("nothing is remembered of a folder that is new, or not there yet", async () => {
  expect(await rememberedRun(folder, options)).toBeNull();
  expect(await rememberedRun(join(folder, "later"), options)).toBeNull();
});

test("the run comes back for the same options, whatever else is asked", async () => {
  await rememberRun(folder, options, "fashion-1");
  expect(await rememberedRun(folder, { ...options, keep: true } as typeof options)).toBe("fashion-1");
  expect(await readdir(folder)).toEqual(["demo.json"]);
});

test.each(Object.keys(options) as (keyof typeof options)[])(
  "another %s is refused with the options that it was started with",
  async (key) => {
    await rememberRun(folder, options, "fashion-1");
    await expect(rememberedRun(folder, { ...options, [key]: other[key] })).rejects.toMatchObject({
      code: "failed-precondition",
      message: expect.stringContaining(
        "--strategy random --rounds 10 --clients 20 --cohort 8 --seed 7 --stragglers 0.2 " +
          "--aggregation fedavg --encoding f32 --validation 0.1",
      ),
    });
  },
);

test("a demo of clients with functions of their own is named so, and one of an older release had none", async () => {
  await rememberRun(folder, { ...options, ownFunctions: true }, "fashion-1");
  await expect(rememberedRun(folder, options)).rejects.toThrow("--seed 7 --own-functions --stragglers 0.2");
  const { ownFunctions: _, ...older } = options;
  await writeFile(join(folder, "demo.json"), JSON.stringify({ ...older, runId: "fashion-0" }));
  expect(await rememberedRun(folder, options)).toBe("fashion-0");
});

test.each(["", "{}", "not JSON"])("a damaged file is reported: %j", async (text) => {
  await writeFile(join(folder, "demo.json"), text);
  await expect(rememberedRun(folder, options)).rejects.toMatchObject({ code: "data-loss" });
});
