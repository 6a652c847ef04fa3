// The limits of a queue's settings.
import { expect, test } from "vitest";
import {
  defaultQueueConfig,
  type QueueConfig,
  queueConfig,
} from "../../../../infra/box/tasks/queueConfig.ts";

test("fills in production's defaults", () => {
  expect(queueConfig({})).toEqual(defaultQueueConfig);
  expect(queueConfig({ maxAttempts: -1 }).maxAttempts).toBe(-1);
});

test.each<[keyof QueueConfig, number, number]>([
  ["maxDispatchesPerSecond", 500, 500.1],
  ["maxDispatchesPerSecond", 0.001, 0],
  ["maxConcurrentDispatches", 5_000, 5_001],
  ["maxConcurrentDispatches", 1, 0],
  ["maxConcurrentDispatches", 2, 1.5],
  ["maxAttempts", 1, 0],
  ["maxAttempts", -1, -2],
  ["maxRetryDurationMs", 0, -1],
  ["minBackoffMs", 0, Number.NaN],
  ["maxBackoffMs", 100, 99],
  ["maxDoublings", 0, -1],
])("%s may be %d, not %d", (key, allowed, refused) => {
  expect(queueConfig({ [key]: allowed })[key]).toBe(allowed);
  expect(() => queueConfig({ [key]: refused })).toThrow(new RegExp(key));
});

test("names every setting that is wrong", () => {
  expect(() => queueConfig({ maxAttempts: 0, maxDoublings: -1 })).toThrow(/maxAttempts.*maxDoublings/);
});
