// What a demo remembers in its data folder, and what it refuses to go on with.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rememberedRun, rememberRun } from "../../../../infra/cli/demo/demoFile.ts";

const options = { strategy: ["random"], rounds: 10, clients: 20, cohort: 8, stragglers: 0.2, seed: 7 };
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

test.each(Object.keys(options))(
  "another %s is refused with the options that it was started with",
  async (key) => {
    await rememberRun(folder, options, "fashion-1");
    const other = { ...options, [key]: key === "strategy" ? ["fedlesscan"] : 3 };
    await expect(rememberedRun(folder, other)).rejects.toMatchObject({
      code: "failed-precondition",
      message: expect.stringContaining(
        "--strategy random --rounds 10 --clients 20 --cohort 8 --stragglers 0.2 --seed 7",
      ),
    });
  },
);

test.each(["", "{}", "not JSON"])("a damaged file is reported: %j", async (text) => {
  await writeFile(join(folder, "demo.json"), text);
  await expect(rememberedRun(folder, options)).rejects.toMatchObject({ code: "data-loss" });
});
