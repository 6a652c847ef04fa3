// The limits of a function's settings.
import { expect, test } from "vitest";
import { type FunctionSpec, functionSettings } from "../../../../infra/box/runtime/functionSpec.ts";

const spec: FunctionSpec = {
  name: "client",
  sourceDir: "/srv/client",
  target: "client",
  concurrency: 1,
  maxInstances: 10,
  timeoutSeconds: 540,
};

test("fills in the defaults and leaves the environment and the port out", () => {
  expect(functionSettings({ ...spec, env: { A: "1" }, port: 8_123 })).toEqual({
    ...spec,
    minInstances: 0,
    idleSeconds: 900,
    memoryMib: 512,
    memoryLookMs: 200,
    execArgv: [],
    startsInTurn: false,
  });
});

test.each<[keyof FunctionSpec, string | number, string | number]>([
  ["name", "a", "A"],
  ["name", `a${"b".repeat(48)}`, `a${"b".repeat(49)}`],
  ["name", "a-1", "1-a"],
  ["sourceDir", "/", "functions/client"],
  ["target", "t", ""],
  ["concurrency", 1_000, 1_001],
  ["concurrency", 1, 0],
  ["concurrency", 2, 1.5],
  ["maxInstances", 1, 0],
  ["minInstances", 10, 11],
  ["minInstances", 0, -1],
  ["timeoutSeconds", 3_600, 3_600.1],
  ["timeoutSeconds", 0.001, 0],
  ["idleSeconds", 0, -1],
  ["queueSeconds", 0, Number.NaN],
  ["memoryMib", 128, 127],
  ["memoryLookMs", 0, -1],
  ["memoryLookMs", 60_000, 60_001],
])("%s may be %s, not %s", (key, allowed, refused) => {
  expect(functionSettings({ ...spec, [key]: allowed })).toHaveProperty(key, allowed);
  expect(() => functionSettings({ ...spec, [key]: refused })).toThrow(new RegExp(`${key} must be`));
});
