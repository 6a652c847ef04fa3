// The settings of a Cloud Tasks queue: their defaults and their limits, as the production service has them.
import { FlError, type Problem } from "../../../shared/core/errors.ts";

export interface QueueConfig {
  /** Above 0, at most 500. */
  readonly maxDispatchesPerSecond: number;
  /** 1 to 5000. */
  readonly maxConcurrentDispatches: number;
  /** First attempt included; -1 is without limit. */
  readonly maxAttempts: number;
  /**
   * Counted from the first dispatch; 0 is without limit. A task is dropped only when this and `maxAttempts`
   * are both used up.
   */
  readonly maxRetryDurationMs: number;
  readonly minBackoffMs: number;
  /** At least `minBackoffMs`. */
  readonly maxBackoffMs: number;
  /** How often the pause doubles before it grows linearly. */
  readonly maxDoublings: number;
}

export const defaultQueueConfig: QueueConfig = {
  maxDispatchesPerSecond: 500,
  maxConcurrentDispatches: 1_000,
  maxAttempts: 100,
  maxRetryDurationMs: 0,
  minBackoffMs: 100,
  maxBackoffMs: 3_600_000,
  maxDoublings: 16,
};

/**
 * The whole configuration for the settings given; the others get their defaults.
 *
 * @throws FlError("invalid-argument") naming every setting that is out of range.
 */
export function queueConfig(given: Partial<QueueConfig>): QueueConfig {
  const config = { ...defaultQueueConfig, ...given };
  const whole = Number.isInteger;
  const finite = Number.isFinite;
  const rules: readonly [keyof QueueConfig, boolean, string][] = [
    [
      "maxDispatchesPerSecond",
      config.maxDispatchesPerSecond > 0 && config.maxDispatchesPerSecond <= 500,
      "must be above 0 and at most 500",
    ],
    [
      "maxConcurrentDispatches",
      whole(config.maxConcurrentDispatches) &&
        config.maxConcurrentDispatches >= 1 &&
        config.maxConcurrentDispatches <= 5_000,
      "must be a whole number from 1 to 5000",
    ],
    [
      "maxAttempts",
      whole(config.maxAttempts) && (config.maxAttempts >= 1 || config.maxAttempts === -1),
      "must be a whole number from 1, or -1",
    ],
    [
      "maxRetryDurationMs",
      finite(config.maxRetryDurationMs) && config.maxRetryDurationMs >= 0,
      "must be at least 0",
    ],
    ["minBackoffMs", finite(config.minBackoffMs) && config.minBackoffMs >= 0, "must be at least 0"],
    [
      "maxBackoffMs",
      finite(config.maxBackoffMs) && config.maxBackoffMs >= config.minBackoffMs,
      "must be at least minBackoffMs",
    ],
    ["maxDoublings", whole(config.maxDoublings) && config.maxDoublings >= 0, "must be a whole number from 0"],
  ];
  const problems: Problem[] = rules
    .filter(([, ok]) => !ok)
    .map(([key, , rule]) => ({ path: key, message: `${rule}, not ${config[key]}` }));
  if (problems.length > 0) {
    const list = problems.map((problem) => `${problem.path} ${problem.message}`).join("; ");
    throw new FlError("invalid-argument", `Queue settings out of range: ${list}.`, { problems });
  }
  return config;
}
