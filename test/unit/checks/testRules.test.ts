// The rule that keeps unit tests pure: what they reach at their start neither starts processes nor listens.
import { expect, it } from "vitest";
import { parseImports } from "../../../infra/checks/parseImports.ts";
import { unitTestProblems } from "../../../infra/checks/testRules.ts";

const problems = (sources: Readonly<Record<string, string>>) =>
  unitTestProblems(Object.entries(sources).flatMap(([path, text]) => parseImports({ path, text })));

it.each([
  "node:child_process",
  "node:http",
  "node:net",
  "node:worker_threads",
  "tinypool",
  "@google-cloud/firestore",
])("a unit test must not load %s", (name) => {
  expect(problems({ "test/unit/a/b.test.ts": `import x from "${name}";` })).toEqual([
    `test/unit/a/b.test.ts is to be pure, and loads ${name}: a test that needs it belongs into test/process`,
  ]);
});

it("nor by way of what it imports", () => {
  const sources = {
    "test/unit/a.test.ts": 'import { b } from "../../infra/b.ts";',
    "infra/b.ts": 'import { c } from "./c.ts"; import { a } from "./b.ts";',
    "infra/c.ts": 'export { createServer } from "node:http";',
  };
  expect(problems(sources)).toEqual([
    "test/unit/a.test.ts is to be pure, and loads infra/b.ts → infra/c.ts → node:http: a test that needs it belongs into test/process",
  ]);
});

it.each([
  ['import type { Server } from "node:http";'],
  ['const { createServer } = await import("node:http");'],
  ['import { readFileSync } from "node:fs"; import { b } from "../../infra/b.ts";'],
])("%s is allowed: it is not loaded, or starts nothing", (text) => {
  expect(problems({ "test/unit/a.test.ts": text, "infra/b.ts": 'import "node:path";' })).toEqual([]);
});

it("other projects may", () => {
  expect(problems({ "test/process/a.test.ts": 'import "node:http";' })).toEqual([]);
});
