// The local cloud's command, interrupted before the cloud is up.
import { afterEach, expect, test, vi } from "vitest";
import { runBox } from "../../../infra/cli/runBox.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s while it bundles ends it in a sentence and with %d", async (signal, code) => {
  const written: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const bundles = async () => {
    process.emit(signal);
    // As the bundler says it, which the same signal has ended.
    throw new Error("The service was stopped");
  };
  expect(await runBox({ firestore: "embedded" }, bundles)).toBe(code);
  expect(written.join("")).toBe("Interrupted.\n");
});

test("a bundler that fails by itself is a failure", async () => {
  const bundles = () => Promise.reject(new Error("no such file"));
  await expect(runBox({ firestore: "embedded" }, bundles)).rejects.toThrow("no such file");
});
