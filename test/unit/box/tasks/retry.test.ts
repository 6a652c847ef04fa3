// The back-off of failed tasks, to the millisecond.
import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultQueueConfig } from "../../../../infra/box/tasks/queueConfig.ts";
import { backoffMs, nextAttempt, parseRetryAfter } from "../../../../infra/box/tasks/retry.ts";

const seconds = (config: object, failures: readonly number[]) =>
  failures.map((n) => backoffMs({ ...defaultQueueConfig, ...config }, n) / 1_000);

test("doubles, then grows by the last step, then stays at the most", () => {
  const config = { minBackoffMs: 10_000, maxBackoffMs: 300_000, maxDoublings: 3 };
  expect(seconds(config, [1, 2, 3, 4, 5, 6, 7, 8])).toEqual([10, 20, 40, 80, 160, 240, 300, 300]);
});

test("without doublings it grows linearly from the first failure", () => {
  expect(seconds({ minBackoffMs: 1_000, maxDoublings: 0 }, [1, 2, 3])).toEqual([1, 2, 3]);
});

test("a back-off of nothing stays nothing, and a thousand failures do not overflow", () => {
  expect(backoffMs({ ...defaultQueueConfig, minBackoffMs: 0 }, 5)).toBe(0);
  expect(backoffMs({ ...defaultQueueConfig, maxDoublings: 2_000 }, 2_000)).toBe(3_600_000);
});

test("never shrinks and never leaves [min, max]", () => {
  const settings = fc.record({
    minBackoffMs: fc.integer({ min: 1, max: 10_000 }),
    maxBackoffMs: fc.integer({ min: 10_000, max: 4_000_000 }),
    maxDoublings: fc.integer({ min: 0, max: 40 }),
  });
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 200 }), (given, failures) => {
      const config = { ...defaultQueueConfig, ...given };
      const pauseMs = backoffMs(config, failures);
      expect(pauseMs).toBeGreaterThanOrEqual(config.minBackoffMs);
      expect(pauseMs).toBeLessThanOrEqual(config.maxBackoffMs);
      expect(backoffMs(config, failures + 1)).toBeGreaterThanOrEqual(pauseMs);
    }),
  );
});

const failed = (attempts: number, elapsedMs: number, retryAfterMs?: number) => ({
  attempts,
  firstDispatchMs: 1_000,
  nowMs: 1_000 + elapsedMs,
  retryAfterMs,
});

test("drops after the last attempt, not before", () => {
  const config = { ...defaultQueueConfig, maxAttempts: 3 };
  expect(nextAttempt(config, failed(2, 500))).toBe(1_500 + 200);
  expect(nextAttempt(config, failed(3, 500))).toBe("drop");
});

test("attempts and time must both be used up", () => {
  const config = { ...defaultQueueConfig, maxAttempts: 2, maxRetryDurationMs: 10_000 };
  expect(nextAttempt(config, failed(5, 9_999))).not.toBe("drop");
  expect(nextAttempt(config, failed(1, 10_000))).not.toBe("drop");
  expect(nextAttempt(config, failed(2, 10_000))).toBe("drop");
});

test("without a limit on attempts the time alone decides; without either it goes on for ever", () => {
  const timed = { ...defaultQueueConfig, maxAttempts: -1, maxRetryDurationMs: 10_000 };
  expect(nextAttempt(timed, failed(900, 9_999))).not.toBe("drop");
  expect(nextAttempt(timed, failed(1, 10_000))).toBe("drop");
  const endless = { ...defaultQueueConfig, maxAttempts: -1 };
  expect(nextAttempt(endless, failed(1_000_000, 1e12))).not.toBe("drop");
});

test("waits as long as the answer asks, when that is longer than the back-off", () => {
  expect(nextAttempt(defaultQueueConfig, failed(1, 0, 5_000))).toBe(6_000);
  expect(nextAttempt(defaultQueueConfig, failed(1, 0, 20))).toBe(1_100);
});

test.each([
  [undefined, undefined],
  ["0", 0],
  [" 7 ", 7_000],
  ["Thu, 01 Jan 1970 00:01:00 GMT", 58_000],
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ["soon", undefined],
  ["-5", undefined],
  ["99999999999999", 30 * 24 * 3_600_000],
])("Retry-After %s is %s ms", (header, expected) => {
  expect(parseRetryAfter(header, 2_000)).toBe(expected);
});
