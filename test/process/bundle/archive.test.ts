// Archives: the same bytes for the same files, on every machine, and names that change with the content.
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { strFromU8, strToU8, unzipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeArchives, zipOf } from "../../../infra/bundle/archive.ts";
import { FUNCTION_NAMES } from "../../../shared/core/protocol/tasks.ts";

const files = {
  "index.js": strToU8("x;\n"),
  "chunks/a.js": strToU8("a;\n"),
  "package.json": strToU8("{}\n"),
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "archives-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("zipOf", () => {
  it("holds every file under its path", () => {
    const read = unzipSync(zipOf(files));
    expect(Object.keys(read)).toEqual(["chunks/a.js", "index.js", "package.json"]);
    expect(strFromU8(read["chunks/a.js"] ?? new Uint8Array())).toBe("a;\n");
  });

  it("does not depend on the order of the files", () => {
    const reversed = Object.fromEntries(Object.entries(files).toReversed());
    expect(zipOf(reversed)).toEqual(zipOf(files));
  });

  it.each(["UTC", "Asia/Tokyo", "America/Los_Angeles"])("has the same bytes in the time zone %s", (TZ) => {
    const module = resolve(import.meta.dirname, "../../../infra/bundle/archive.ts");
    const code = `import { zipOf } from ${JSON.stringify(module)};
      process.stdout.write(zipOf({ "index.js": new TextEncoder().encode("x;\\n") }));`;
    const made = execFileSync(process.execPath, ["--input-type=module", "-e", code], {
      env: { PATH: process.env["PATH"], TZ },
    });
    expect(new Uint8Array(made)).toEqual(zipOf({ "index.js": files["index.js"] }));
  });
});

describe("writeArchives", () => {
  const bundle = (text: string) => ({
    dir: "",
    sizeBytes: 0,
    packages: {},
    files: { "index.js": strToU8(text) },
  });
  const bundles = {
    api: bundle("api"),
    coordinator: bundle("coordinator"),
    aggregator: bundle("aggregator"),
    evaluator: bundle("evaluator"),
    client: bundle("client"),
  };

  const source = { commit: "c0ffee", isModified: false, lockfileSha256: "10c4", tools: { node: "24.0.0" } };

  it("names every archive after its content and lists them in an index", async () => {
    const archives = await writeArchives(bundles, folder, source);
    const index: unknown = JSON.parse(await readFile(join(folder, "archives.json"), "utf8"));
    expect(index).toEqual(Object.fromEntries([...archives].map(([name, { file }]) => [name, file])));
    for (const name of FUNCTION_NAMES) {
      expect(archives.get(name)?.file).toMatch(new RegExp(`^${name}-[0-9a-f]{16}\\.zip$`));
    }
  });

  it("renames only what changed, and removes the archive of before", async () => {
    const before = await writeArchives(bundles, folder, source);
    const after = await writeArchives({ ...bundles, api: bundle("api, changed") }, folder, source);
    expect(after.get("api")?.file).not.toBe(before.get("api")?.file);
    expect(after.get("client")).toEqual(before.get("client"));
    expect(await readdir(folder)).toHaveLength(FUNCTION_NAMES.length + 3);
  });
});
