// The folder of a bundle: written whole, and not touched where nothing has changed.
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFolder } from "../../../infra/bundle/writeFolder.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "write-folder-"));
});
afterEach(() => rm(root, { recursive: true }));

const files = (text: string) => ({ "index.mjs": Buffer.from(text), "lib/a.mjs": Buffer.from("a") });

test("the same files again touch neither the folder nor what it is in", async () => {
  const folder = join(root, "api");
  await writeFolder(folder, files("one"));
  const changedAt = () => Promise.all([root, folder].map(async (path) => (await stat(path)).mtimeMs));
  const before = await changedAt();
  await writeFolder(folder, files("one"));
  expect(await changedAt()).toEqual(before);
});

test("what differs is replaced, and what is left over removed", async () => {
  const folder = join(root, "api");
  await writeFolder(folder, { ...files("one"), "old.mjs": Buffer.from("old") });
  await writeFolder(folder, files("two"));
  expect((await readdir(folder)).sort()).toEqual(["index.mjs", "lib"]);
  expect(await readFile(join(folder, "index.mjs"), "utf8")).toBe("two");
  expect(await readdir(root)).toEqual(["api"]);
});
