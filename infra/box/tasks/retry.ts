// When a failed task is tried again: the back-off of Cloud Tasks as pure functions of the time.
import type { QueueConfig } from "./queueConfig.ts";

const longestRetryAfterMs = 30 * 24 * 3_600_000;

/**
 * The pause after the n-th failure (n from 1), in ms: `minBackoffMs`, doubled `maxDoublings` times, then
 * growing by the last step, never above `maxBackoffMs`. With 10 s, 3 doublings and 300 s at most: 10, 20, 40,
 * 80, 160, 240, 300, 300 s.
 */
export function backoffMs(config: QueueConfig, failures: number): number {
  const doublings = Math.min(failures - 1, config.maxDoublings);
  const linearSteps = failures - doublings;
  return Math.min(config.minBackoffMs * 2 ** doublings * linearSteps, config.maxBackoffMs);
}

/** What is known about a task when an attempt has failed. Times in ms since 1970. */
export interface FailedAttempt {
  /** Attempts made, this one included. */
  readonly attempts: number;
  readonly firstDispatchMs: number;
  readonly nowMs: number;
  /** The pause that the answer asked for. */
  readonly retryAfterMs?: number | undefined;
}

/** The time of the next attempt, or "drop" when the task has used up its attempts and its time. */
export function nextAttempt(config: QueueConfig, failed: FailedAttempt): number | "drop" {
  const unlimited = config.maxAttempts === -1 && config.maxRetryDurationMs === 0;
  const attemptsUsed = config.maxAttempts === -1 || failed.attempts >= config.maxAttempts;
  const timeUsed = failed.nowMs - failed.firstDispatchMs >= config.maxRetryDurationMs;
  if (!unlimited && attemptsUsed && timeUsed) return "drop";
  return failed.nowMs + Math.max(backoffMs(config, failed.attempts), failed.retryAfterMs ?? 0);
}

/**
 * The pause in ms that a Retry-After header asks for (whole seconds, or an HTTP date), at most 30 days;
 * undefined when the header is absent or not understood.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const dateMs = text.endsWith("GMT") ? Date.parse(text) : Number.NaN;
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1_000 : dateMs - nowMs;
  return Number.isNaN(delayMs) ? undefined : Math.min(Math.max(delayMs, 0), longestRetryAfterMs);
}
