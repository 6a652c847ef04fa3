// Files that are generated must not be committed: the list that `npm run check` reads, on a repository of its
// own.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listIgnoredButTracked, readSources } from "../../../infra/checks/readSources.ts";

let folder: string;
const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, stdio: "pipe" });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sources-"));
  git("init", "--quiet");
  await writeFile(join(folder, "kept.ts"), "// Kept.\n");
  await writeFile(join(folder, "made.csv"), "a,b\n");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("what git holds", () => {
  it("names a file that is committed though .gitignore leaves it out, in the root or further down", async () => {
    git("add", ".");
    await writeFile(join(folder, ".gitignore"), "*.csv\n");
    expect(await listIgnoredButTracked(folder)).toEqual(["made.csv"]);
    git("rm", "--cached", "--quiet", "made.csv");
    expect(await listIgnoredButTracked(folder)).toEqual([]);
  });

  it("reads what is committed or would be, and nothing that is ignored", async () => {
    await writeFile(join(folder, ".gitignore"), "*.csv\n");
    expect((await readSources(folder)).map(({ path }) => path)).toEqual([".gitignore", "kept.ts"]);
  });

  it("finds nothing generated in this repository", async () => {
    expect(await listIgnoredButTracked(fileURLToPath(new URL("../../../", import.meta.url)))).toEqual([]);
  });
});
