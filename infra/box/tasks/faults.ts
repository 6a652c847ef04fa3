// Seeded faults of the task queue: Cloud Tasks promises at-least-once delivery, and here twice can be made to
// happen.
import { randomFrom } from "../../../shared/core/random.ts";

/**
 * The same attempt is sent a second time, whatever becomes of the first. Plain data, so it can come from a
 * JSON file.
 */
export interface TaskFaultRule {
  readonly kind: "duplicate";
  /** Id of the queue; absent: every queue. */
  readonly queue?: string;
  /** 0 to 1 inclusive: the share of attempts sent twice. */
  readonly probability: number;
  /** How long after the first the second one goes out. */
  readonly afterMs: number;
}

/**
 * How long after an attempt its duplicate follows; undefined for none. The first rule that strikes decides.
 * The same seed, names and attempt number give the same answer, whatever the order of events.
 *
 * @param attempt from 1.
 */
export function duplicateAfterMs(
  rules: readonly TaskFaultRule[],
  seed: number,
  queueId: string,
  taskId: string,
  attempt: number,
): number | undefined {
  const struck = rules.find(
    (rule, index) =>
      (rule.queue === undefined || rule.queue === queueId) &&
      randomFrom(seed, "task-fault", index, queueId, taskId, attempt).next() < rule.probability,
  );
  return struck?.afterMs;
}
