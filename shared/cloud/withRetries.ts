// Tries a call again for a while: what has been trained must not be lost because the other side was just
// starting again, and the queue gives an invocation few attempts. Objects are opened with it, too: the
// storage client's own way ends the process.
import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { FlError } from "../core/errors.ts";

/**
 * How long calls are tried again; the last one may take longer. A function that was killed is back well
 * within it.
 */
export const PATIENCE_MS = 30_000;

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * What `call` comes to, once it neither throws an `unavailable` nor has been tried for `patienceMs` (0: tried
 * once). Pauses double, are drawn between once and twice their length, and are never shorter than the other
 * side asked for.
 *
 * @param call safe to repeat.
 * @throws the last error as it is.
 */
export function withRetries<T>(call: () => Promise<T>, patienceMs: number): Promise<T> {
  return pRetry(call, {
    retries: patienceMs === 0 ? 0 : Number.POSITIVE_INFINITY,
    maxRetryTime: patienceMs,
    minTimeout: FIRST_PAUSE_MS,
    maxTimeout: LONGEST_PAUSE_MS,
    randomize: true,
    shouldRetry: async ({ error, retryDelay }) => {
      if (!(error instanceof FlError) || error.code !== "unavailable") return false;
      if (error.retry === "never" || error.retry === "needs-a-person") return false;
      const askedMs = error.retry === "soon" ? 0 : error.retry.afterMs;
      if (askedMs > LONGEST_PAUSE_MS) return false; // The queue waits for less money.
      await sleep(Math.max(0, askedMs - retryDelay));
      return true;
    },
  });
}
