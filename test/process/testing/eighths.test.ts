// The eighths of the split files, as Vitest itself collects them: together they are every test of those
// files, each once.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SPLIT } from "../../../infra/testing/exhaustive.ts";

const root = resolve(import.meta.dirname, "../../..");
/** Checks over a whole table, which no part of it can meet. */
const ONLY_OF_THE_WHOLE = ["test/box/failingReads.test.ts: every kind of read has failed in every way"];
/** Each collection loads four files; the bound only has to survive a busy machine. */
const TIMEOUT_MS = 300_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eighths-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function testsOf(mode: string): Promise<readonly string[]> {
  const file = join(folder, `${mode}.json`);
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "list", "--no-static-parse", "--mode", mode, `--json=${file}`, ...SPLIT];
  // Not this run's own settings.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|MODE)/.test(name)),
  );
  await promisify(execFile)(process.execPath, args, { cwd: root, env });
  const tests = JSON.parse(await readFile(file, "utf8")) as { name: string; file: string }[];
  return tests.map(({ name, file: path }) => `${path.slice(root.length + 1)}: ${name}`);
}

test(
  "every test of a split file is in exactly one eighth",
  async () => {
    const whole = await testsOf("test");
    expect(whole.length).toBeGreaterThan(250);
    const eighths: (readonly string[])[] = [];
    for (let eighth = 1; eighth <= 8; eighth++) eighths.push(await testsOf(`eighth-${eighth}`));
    const expected = whole.filter((name) => !ONLY_OF_THE_WHOLE.includes(name));
    expect(expected.length).toBe(whole.length - ONLY_OF_THE_WHOLE.length);
    expect(eighths.flat().toSorted()).toEqual(expected.toSorted());
    const sizes = eighths.map(({ length }) => length);
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(1.4);
  },
  TIMEOUT_MS,
);
