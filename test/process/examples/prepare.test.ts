// The examples' scripts that make their data: the same bytes from the same seed, nothing in two places,
// nothing left out.
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "examples-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** What a script makes, by path. */
async function prepared(example: string, ...options: string[]): Promise<ReadonlyMap<string, Buffer>> {
  const out = join(folder, "data");
  const script = join(root, "examples", example, "prepare.ts");
  await promisify(execFile)(process.execPath, [script, "--out", out, ...options]);
  const paths = globSync("**", { cwd: out, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
  const files = await Promise.all(
    paths.map(async (path) => [path.slice(out.length + 1), await readFile(path)] as const),
  );
  return new Map(files.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const under = (files: ReadonlyMap<string, Buffer>, part: string) =>
  [...files].filter(([path]) => path.startsWith(part));

describe.each([
  ["images", ["--clients", "3", "--samples", "40", "--test", "30"]],
  ["text", ["--clients", "3", "--characters", "4000", "--test", "500"]],
  ["tabular", ["--clients", "3"]],
])("%s", (example, options) => {
  it("makes the same of the same seed, else of another, and leaves what was there where it cannot", async () => {
    const first = await prepared(example, ...options);
    expect(first.size).toBeGreaterThan(3);
    await expect(prepared(example, "--clients", "x")).rejects.toThrow(/"x" is no count/);
    expect(await prepared(example, ...options)).toEqual(first);
    expect([...(await prepared(example, ...options, "--seed", "2"))]).not.toEqual([...first]);
  });
});

it("images: no image is at two clients, and clients' classes differ", async () => {
  const files = await prepared("images", "--clients", "3", "--samples", "200", "--test", "30");
  const images = under(files, "clients/").map(([path]) => basename(path));
  expect(new Set(images).size).toBe(images.length);
  expect(under(files, "test/")).toHaveLength(30);
  const counts = ["shop-1", "shop-2", "shop-3"].map((shop) => under(files, `clients/${shop}/bag/`).length);
  expect(new Set(counts).size).toBeGreaterThan(1);
});

it("text: no text is trained on and scored on, and none is of two genres", async () => {
  const files = await prepared("text", "--clients", "15", "--characters", "100000");
  const texts = (part: string) =>
    under(files, part).map(([path]) => basename(path).slice(-"ca01.txt".length));
  const [trained, tested] = [texts("clients/"), texts("test/")];
  expect(tested).toHaveLength(15);
  expect(trained.length).toBeGreaterThan(60);
  expect(new Set([...trained, ...tested]).size).toBe(trained.length + tested.length);
});

it("tabular: every strike of a carrier is in one place", async () => {
  const files = await prepared("tabular", "--clients", "50");
  const rows = (part: string) =>
    under(files, part).reduce((sum, [, text]) => sum + text.toString().split("\n").length - 2, 0);
  expect(rows("clients/") + rows("test.csv")).toBe(10_000);
  expect(rows("test.csv") / 10_000).toBeCloseTo(0.2, 1);
});
