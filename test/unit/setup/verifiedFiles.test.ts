// Fetched files: taken only when whole, from whichever source has them, and never checked twice.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { areVerified, type DataSource, obtainFiles } from "../../../infra/setup/steps/verifiedFiles.ts";

const content = (name: string) => Buffer.from(`content of ${name}`);
const files = ["a.gz", "b.gz"].map((name) => ({
  name,
  sha256: createHash("sha256").update(content(name)).digest("hex"),
}));

let root = "";
let folder = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fedstratus-files-"));
  folder = join(root, "data");
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const silent = () => {};
const put = (into: string, names = ["a.gz", "b.gz"]) => {
  for (const name of names) writeFileSync(join(into, name), gzipSync(content(name)));
};
const source = (name: string, fetch: (into: string) => void, result = ""): DataSource => ({
  name,
  fetch: async (into) => {
    fetch(into);
    return result;
  },
});
const good = source("good", put);

test("takes the first source that has all files, and remembers that they are whole", async () => {
  const asked: string[] = [];
  const sources = [
    source("down", () => asked.push("down"), "no network"),
    good,
    source("never", () => asked.push("never")),
  ];
  const shown: string[] = [];
  expect(await obtainFiles(folder, files, sources, (detail) => shown.push(detail))).toBe("good");
  expect(asked).toEqual(["down"]);
  expect(shown).toEqual(["down", "good"]);
  expect(areVerified(folder, files)).toBe(true);
  expect(readdirSync(root)).toEqual(["data"]);
});

test.each<[string, (into: string) => void, RegExp]>([
  ["a file is missing", (into) => put(into, ["a.gz"]), /b.gz is missing/],
  [
    "a file holds something else",
    (into) => {
      put(into);
      writeFileSync(join(into, "b.gz"), gzipSync("other"));
    },
    /b.gz has the wrong checksum/,
  ],
  [
    "a file is truncated",
    (into) => {
      put(into);
      writeFileSync(join(into, "a.gz"), gzipSync(content("a.gz")).subarray(0, 20));
    },
    /a.gz cannot be unpacked/,
  ],
])("takes nothing when %s", async (_, fetch, reason) => {
  const failing = obtainFiles(folder, files, [source("bad", fetch)], silent);
  await expect(failing).rejects.toThrow(reason);
  await expect(failing).rejects.toThrow(`Put the files (a.gz, b.gz) into ${folder} and run this again.`);
  expect(readdirSync(root)).toEqual([]);
  expect(areVerified(folder, files)).toBe(false);
});

test("reports every source's reason", async () => {
  const sources = [source("one", silent, "blocked"), source("two", silent, "gone")];
  await expect(obtainFiles(folder, files, sources, silent)).rejects.toThrow(/one: blocked\n {2}two: gone/);
});

test("takes files that somebody has put there", async () => {
  mkdirSync(folder);
  put(folder);
  expect(areVerified(folder, files)).toBe(false);
  expect(await obtainFiles(folder, files, [], silent)).toBe(folder);
  expect(areVerified(folder, files)).toBe(true);
});

test("a file that changed later is not taken for the verified one", async () => {
  await obtainFiles(folder, files, [good], silent);
  writeFileSync(join(folder, "a.gz"), "changed");
  expect(areVerified(folder, files)).toBe(false);
  await obtainFiles(folder, files, [good], silent);
  expect(readFileSync(join(folder, "a.gz"))).toEqual(gzipSync(content("a.gz")));
});

test("what a fetch that was killed left behind is not in the way", async () => {
  mkdirSync(`${folder}.partial`);
  writeFileSync(join(`${folder}.partial`, "a.gz"), "half");
  await obtainFiles(folder, files, [good], silent);
  expect(existsSync(`${folder}.partial`)).toBe(false);
});

test("a source that throws leaves nothing behind", async () => {
  const broken: DataSource = { name: "broken", fetch: () => Promise.reject(new Error("disk full")) };
  await expect(obtainFiles(folder, files, [broken], silent)).rejects.toThrow("disk full");
  expect(readdirSync(root)).toEqual([]);
});
