// What set-up shows: a live line on a terminal, plain lines elsewhere.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { showStep } from "../../../infra/setup/progress.mjs";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function output(isTTY: boolean, columns = 60) {
  const written: string[] = [];
  return { written, out: { isTTY, columns, write: (text: string) => written.push(text) } };
}

test("without a terminal: begin, a sign of life now and then, end", async () => {
  const { written, out } = output(false);
  const result = await showStep(
    "Fetching",
    async (show) => {
      show("half");
      vi.advanceTimersByTime(25_000);
      return 7;
    },
    (value) => `got ${value}`,
    out,
  );
  expect(result).toBe(7);
  expect(written).toEqual([
    "> Fetching\n",
    "  Fetching: half (10.0 s)\n",
    "  Fetching: half (20.0 s)\n",
    "✓ Fetching: got 7 (25.0 s)\n",
  ]);
});

test("on a terminal: one line, rewritten within its width and wiped at the end", async () => {
  const { written, out } = output(true, 30);
  await showStep(
    "Fetching",
    async (show) => {
      show("a very long detail that does not fit");
      vi.advanceTimersByTime(250);
    },
    undefined,
    out,
  );
  const [first = "", second, end] = written;
  const clear = "\r\x1b[2K";
  expect(first.startsWith(`${clear}/ Fetching: a very`)).toBe(true);
  expect(first.length - clear.length).toBe(29);
  expect(second).not.toBe(first);
  expect(end).toBe(`${clear}✓ Fetching: done (0.3 s)\n`);
  expect(written).toHaveLength(3);
});

test("a failure is shown and passed on, and nothing moves after it", async () => {
  const { written, out } = output(true);
  const failing = showStep("Fetching", () => Promise.reject(new Error("no network")), undefined, out);
  await expect(failing).rejects.toThrow("no network");
  vi.advanceTimersByTime(1_000);
  expect(written).toEqual(["\r\x1b[2K✗ Fetching: failed (0.0 s)\n"]);
});
