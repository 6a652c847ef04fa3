// Durations on the command line, and moments relative to now.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDuration, relativeText, spanText } from "../../../infra/fedstratus/frame/duration.ts";
import { UsageError } from "../../../infra/fedstratus/frame/failures.ts";

test.each([
  ["1ms", 1],
  ["90s", 90_000],
  ["1.5m", 90_000],
  ["1h", 3_600_000],
  ["20d", 1_728_000_000],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text, "--timeout")).toBe(ms);
});

test.each(["0s", "20.1d", "90", "s", "-1s", "1 s", "1e3s", "NaNs", "90S", ""])("refuses %j", (text) => {
  expect(() => parseDuration(text, "--timeout")).toThrow(UsageError);
  expect(() => parseDuration(text, "--timeout")).toThrow(/^--timeout must be a duration/);
});

test.each([
  [0, "0 s"],
  [59, "59 s"],
  [60, "1 min"],
  [3_599, "59 min"],
  [3_600, "1 h"],
  [172_799, "47 h"],
  [172_800, "2 d"],
])("%d s are %s", (seconds, text) => {
  expect(spanText(seconds)).toBe(text);
});

test("a moment is before or after now, in the same words", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000_000 }), (seconds) => {
      const nowMs = 1_800_000_000_000;
      expect(relativeText(nowMs - seconds * 1_000, nowMs)).toBe(`${spanText(seconds)} ago`);
      expect(relativeText(nowMs + seconds * 1_000, nowMs)).toBe(`in ${spanText(seconds)}`);
    }),
  );
});
