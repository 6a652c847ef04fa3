// A clone in a folder of any name: TensorFlow loads there, and functions are bundled there. Its node_modules
// is a link that Node is set to keep, so that every path has the folder's name in it.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const project = resolve(import.meta.dirname, "../../..");
/** What means something in an address, to a shell, in a pattern, and is not ASCII. */
const awkward = "fedstratus a b #1 %41 ?q é $HOME 'x' \"y\" &;(*)[z]-";
let root = "";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), awkward));
  for (const name of [
    "shared",
    "functions",
    "infra",
    "terraform",
    "package.json",
    "package-lock.json",
    "LICENSE",
  ]) {
    cpSync(join(project, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(project, "node_modules"), join(root, "node_modules"));
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

async function outputOf(...args: readonly string[]): Promise<string> {
  const keep = ["--preserve-symlinks", "--preserve-symlinks-main"];
  return (await promisify(execFile)(process.execPath, [...keep, ...args], { cwd: root })).stdout;
}

test("the portable backend of TensorFlow loads and differentiates", async () => {
  const printed = await outputOf(join(root, "infra/setup/steps/probeTensors.ts"), "portable");
  expect(JSON.parse(printed.trim().split("\n").at(-1) ?? "")).toMatchObject({ backend: "wasm" });
}, 60_000);

test("functions are bundled", async () => {
  expect(await outputOf(join(root, "infra/bundle/main.ts"))).toMatch(/^dist\/archives\/client-\w+\.zip/m);
}, 60_000);
