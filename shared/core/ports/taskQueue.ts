// The port to the task queue: the only way one function has another one called, now or at a later time.

/** The two queues of a deployment: the protocol's own transitions, and the calls to training clients. */
export type QueueKey = "control" | "client";

/** One HTTP POST to be made, at least once, by the queue's identity. */
export interface Task {
  /**
   * Unique: 1 to 500 letters, digits, hyphens and underscores. It names the transition that the task stands
   * for.
   */
  readonly name: string;
  readonly queue: QueueKey;
  /** The address called, http or https. */
  readonly url: string;
  /** Who the identity token is for: the target function's base URL. Default: the origin of `url`. */
  readonly audience?: string;
  /** Sent as JSON; at most 1 MiB with the address. */
  readonly body: unknown;
  /** Not before this time, in ms since 1970; at most 30 days ahead. Absent or past: as soon as possible. */
  readonly scheduleAtMs?: number;
  /** How long one attempt may take before it counts as failed: 15 to 1800 inclusive. Default 600. */
  readonly deadlineSeconds?: number;
}

/** A task that is not done. */
export interface FoundTask {
  /**
   * When the attempt was sent that is being delivered, in ms since 1970; null while the task waits for its
   * first or next one.
   */
  readonly sentAtMs: number | null;
  /** How its last attempt ended, in the queue's words; null where none has ended. At most 300 characters. */
  readonly lastAnswer: string | null;
}

/** A task whose call is being delivered. */
export interface SentTask {
  readonly name: string;
  /** When the call ends at the latest, in ms since 1970. */
  readonly untilMs: number;
}

/**
 * The task queue. A task is delivered at least once: every answer but 2xx brings it back after a growing
 * pause, and now and then a delivered task comes twice.
 *
 * Its methods throw FlError: `not-found` (no such queue), `invalid-argument`, `too-large`,
 * `permission-denied`, `unauthenticated`, `resource-exhausted` and `unavailable` (quota, network or an
 * outage, after the client's own retries; a retry may succeed).
 */
export interface TaskQueue {
  /**
   * Adds a task unless its name has been used: "exists" while a task of that name waits, and for about an
   * hour after it was done. Repeating a call is safe; "exists" may also be this call's own first try, whose
   * answer was lost.
   */
  enqueue(task: Task): Promise<"created" | "exists">;

  /**
   * The task of that name while it waits in the queue or is being delivered; null once it is done, was
   * removed or given up.
   */
  find(name: string, queue: QueueKey): Promise<FoundTask | null>;

  /**
   * The calls that are being delivered, of the first 5,000 tasks or so: what keeps places of the queue at
   * this moment.
   */
  sent(queue: QueueKey): Promise<readonly SentTask[]>;

  /**
   * Removes a task: no attempt of it begins any more, while one that is on its way goes on. Nothing where
   * there is no such task.
   */
  remove(name: string, queue: QueueKey): Promise<void>;
}
