// Terraform itself on every folder: formatted, initialised, validated, and its own tests pass.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, configuration, openBench, rootVariables } from "./support.ts";

const below = (folder: string) => readdirSync(join(configuration, folder)).map((name) => `${folder}/${name}`);
const modules = below("modules");
const folders = [".", "contract", ...modules, ...below("examples")];

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

/** What a folder's tests need from outside: files that npm run bundle makes. */
function testVariables(folder: string): readonly string[] {
  if (folder === ".") return rootVariables(bench.archivesDir);
  if (folder === "modules/function") return [`-var=archive=${bench.archivesDir}/api-0123456789abcdef.zip`];
  if (folder === "modules/client_silo")
    return [`-var=archive=${bench.archivesDir}/client-0123456789abcdef.zip`];
  return [];
}

it("is formatted", async () => {
  const { code, output } = await bench.workspace.run(
    ".",
    "fmt",
    "-check",
    "-recursive",
    "-diff",
    "-no-color",
  );
  expect(output).toBe("");
  expect(code).toBe(0);
});

it.each(folders)("%s is valid", async (folder) => {
  const initialised = await bench.workspace.run(folder, "init", "-backend=false", "-no-color");
  expect(initialised.output).toContain("successfully initialized");
  const validated = await bench.workspace.run(folder, "validate", "-no-color");
  expect(validated.output).toContain("Success! The configuration is valid.");
});

describe.each([".", "contract", ...modules])("the tests of %s", (folder) => {
  it("pass, and there are some", async () => {
    await bench.workspace.run(folder, "init", "-backend=false", "-no-color");
    const tested = await bench.workspace.run(folder, "test", "-no-color", ...testVariables(folder));
    expect(tested.output).toMatch(/Success! [1-9][0-9]* passed, 0 failed\./);
  });
});
