// Fails a test that writes to the console: unexpected output is a defect, and a log line belongs to a
// logger.
import { afterAll, afterEach, beforeAll, expect } from "vitest";

const methods = ["log", "info", "warn", "error", "debug"] as const;
const before = Object.fromEntries(methods.map((method) => [method, console[method]]));
let calls: unknown[][] = [];

// Once a file, not once a test: tests that run side by side share the console.
beforeAll(() => {
  for (const method of methods) console[method] = (...args: unknown[]) => calls.push([method, ...args]);
});

afterEach(() => {
  const written = calls;
  calls = [];
  expect(written, "the test wrote to the console").toEqual([]);
});

afterAll(() => {
  Object.assign(console, before);
});
