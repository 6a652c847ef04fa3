// One queue: which task goes out when. Time is an argument and nothing here waits, so every rule can be
// tested to the ms.
import { FlError } from "../../../shared/core/errors.ts";
import { type QueueConfig, queueConfig } from "./queueConfig.ts";
import { QueueRecords } from "./records.ts";
import { nextAttempt } from "./retry.ts";
import { fullBucket, refill, type TokenBucket, tokenAtMs } from "./tokenBucket.ts";

/** How long the name of a task that is done or deleted stays taken. */
export const tombstoneMs = 3_600_000;

/** The HTTP request that a task makes. */
export interface TaskRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly oidc?: { readonly email: string; readonly audience: string } | undefined;
}

/** How an attempt ended: with a status, or with the reason why there is none. */
export type AttemptOutcome =
  | { readonly kind: "status"; readonly status: number; readonly retryAfterMs?: number | undefined }
  | { readonly kind: "deadline" | "unreachable" | "no-token" | "stopped"; readonly message: string };

export interface Attempt {
  readonly scheduleMs: number;
  readonly dispatchMs: number;
  readonly responseMs?: number;
  readonly outcome?: AttemptOutcome;
}

/** A task in its queue. Times in ms since 1970. */
export interface QueuedTask {
  readonly name: string;
  readonly request: TaskRequest;
  readonly deadlineMs: number;
  readonly createMs: number;
  scheduleMs: number;
  /** Its place among the tasks of the queue, by creation. */
  sequence: number;
  dispatchCount: number;
  responseCount: number;
  /** Responses that came from the handler itself: all but 5xx. */
  executionCount: number;
  firstDispatchMs?: number;
  lastAttempt?: Attempt;
  /** The status of the attempt before, when it had one. */
  previousStatus?: number | undefined;
}

export type NewTask = Pick<QueuedTask, "name" | "request" | "deadlineMs" | "scheduleMs">;

/** What became of a task after an attempt. `gone`: it was deleted, or another attempt had settled it. */
export type Settled = "done" | "dropped" | "retry" | "gone";

export class Queue {
  readonly name: string;
  state: "RUNNING" | "PAUSED" = "RUNNING";
  purgeMs: number | undefined;
  #config: QueueConfig;
  #bucket: TokenBucket;
  #running = 0;
  #created = 0;
  readonly #tasks = new Map<string, QueuedTask>();
  /** Tasks that wait, by schedule time and then by creation. */
  readonly #waiting: QueuedTask[] = [];
  /** Name to the time at which it is free again; in that order. */
  readonly #tombstones = new Map<string, number>();

  readonly #records: QueueRecords<QueuedTask>;

  /**
   * @param records what the queue holds to begin with, and where it keeps it. A task that was on its way
   *   when it was last kept waits again: whether it arrived is not known.
   */
  constructor(
    name: string,
    config: Partial<QueueConfig>,
    nowMs: number,
    records: QueueRecords<QueuedTask> = new QueueRecords(name),
  ) {
    this.name = name;
    this.#records = records;
    this.#config = queueConfig(config);
    this.#bucket = fullBucket(this.#config.maxDispatchesPerSecond, nowMs);
    for (const task of records.tasks()) {
      this.#tasks.set(task.name, task);
      this.#wait(task);
      this.#created = task.sequence + 1;
    }
    for (const [taskName, freeAtMs] of records.tombstones()) this.#tombstones.set(taskName, freeAtMs);
  }

  get config(): QueueConfig {
    return this.#config;
  }

  /** Takes effect at once; tasks that wait for a retry keep their time. */
  set config(config: QueueConfig) {
    this.#config = queueConfig(config);
  }

  /** Tasks held: waiting or on their way. */
  get depth(): number {
    return this.#tasks.size;
  }

  /** Attempts on their way. */
  get running(): number {
    return this.#running;
  }

  /** Throws `already-exists` while the name is in use, and for an hour after. */
  add(task: NewTask, nowMs: number): QueuedTask {
    const freed: string[] = [];
    for (const [name, freeAtMs] of this.#tombstones) {
      if (freeAtMs > nowMs) break;
      this.#tombstones.delete(name);
      freed.push(name);
    }
    this.#records.free(freed);
    if (this.#tasks.has(task.name) || this.#tombstones.has(task.name)) {
      throw new FlError(
        "already-exists",
        `A task named ${task.name} exists or existed within the last hour.`,
      );
    }
    const added: QueuedTask = {
      ...task,
      createMs: nowMs,
      scheduleMs: Math.max(task.scheduleMs, nowMs),
      sequence: this.#created++,
      dispatchCount: 0,
      responseCount: 0,
      executionCount: 0,
    };
    this.#records.save([added]);
    this.#tasks.set(added.name, added);
    this.#wait(added);
    return added;
  }

  get(name: string): QueuedTask {
    const task = this.#tasks.get(name);
    if (task === undefined)
      throw new FlError("not-found", `There is no task ${name}: it never existed, or is done.`);
    return task;
  }

  /** In order of creation. */
  list(): readonly QueuedTask[] {
    return [...this.#tasks.values()];
  }

  remove(name: string, nowMs: number): void {
    this.#end([this.get(name)], nowMs);
  }

  purge(nowMs: number): void {
    this.purgeMs = nowMs;
    this.#end(this.list(), nowMs);
  }

  /** Starts an attempt of every task that is due and that the rate and the concurrency let through. */
  takeDue(nowMs: number): QueuedTask[] {
    this.#bucket = refill(this.#bucket, this.#config.maxDispatchesPerSecond, nowMs);
    const due: QueuedTask[] = [];
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || !this.#mayDispatch() || next.scheduleMs > nowMs || this.#bucket.tokens < 1)
        break;
      this.#bucket = { ...this.#bucket, tokens: this.#bucket.tokens - 1 };
      this.#start(next, nowMs);
      due.push(next);
    }
    this.#records.save(due);
    return due;
  }

  /** Starts an attempt of this task now, whatever its schedule, the limits and the state of the queue. */
  force(name: string, nowMs: number): QueuedTask {
    const task = this.get(name);
    this.#start(task, nowMs);
    this.#records.save([task]);
    return task;
  }

  /**
   * When `takeDue` is worth calling again; undefined when only an attempt's end or a new task can change
   * anything.
   */
  wakeAtMs(): number | undefined {
    const next = this.#waiting[0];
    if (next === undefined || !this.#mayDispatch()) return undefined;
    return Math.max(next.scheduleMs, tokenAtMs(this.#bucket, this.#config.maxDispatchesPerSecond));
  }

  /** Ends an attempt: the task is done, tried again later, or dropped. */
  settle(task: QueuedTask, outcome: AttemptOutcome, nowMs: number): Settled {
    this.#running--;
    if (this.#tasks.get(task.name) !== task) return "gone";
    const attempt = task.lastAttempt ?? { scheduleMs: task.scheduleMs, dispatchMs: nowMs };
    task.lastAttempt = { ...attempt, responseMs: nowMs, outcome };
    const status = outcome.kind === "status" ? outcome.status : undefined;
    task.previousStatus = status;
    if (status !== undefined) {
      task.responseCount++;
      if (status < 500) task.executionCount++;
      if (status >= 200 && status < 300) {
        this.#end([task], nowMs);
        return "done";
      }
    }
    const next = nextAttempt(this.#config, {
      attempts: task.dispatchCount,
      firstDispatchMs: task.firstDispatchMs ?? nowMs,
      nowMs,
      retryAfterMs: outcome.kind === "status" ? outcome.retryAfterMs : undefined,
    });
    if (next === "drop") {
      this.#end([task], nowMs);
      return "dropped";
    }
    this.#unwait(task);
    task.scheduleMs = next;
    this.#wait(task);
    this.#records.save([task]);
    return "retry";
  }

  #mayDispatch(): boolean {
    return this.state === "RUNNING" && this.#running < this.#config.maxConcurrentDispatches;
  }

  #start(task: QueuedTask, nowMs: number): void {
    this.#unwait(task);
    this.#running++;
    task.dispatchCount++;
    task.firstDispatchMs ??= nowMs;
    task.lastAttempt = { scheduleMs: task.scheduleMs, dispatchMs: nowMs };
  }

  #end(tasks: readonly QueuedTask[], nowMs: number): void {
    const freeAtMs = nowMs + tombstoneMs;
    this.#records.end(
      tasks.map((task) => task.name),
      freeAtMs,
    );
    for (const task of tasks) {
      this.#unwait(task);
      this.#tasks.delete(task.name);
      this.#tombstones.set(task.name, freeAtMs);
    }
  }

  #wait(task: QueuedTask): void {
    this.#waiting.splice(this.#place(task), 0, task);
  }

  #unwait(task: QueuedTask): void {
    const place = this.#place(task);
    if (this.#waiting[place] === task) this.#waiting.splice(place, 1);
  }

  /** Where the task is among those that wait, or belongs: O(log n). */
  #place(task: QueuedTask): number {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#waiting[middle];
      const before =
        other !== undefined &&
        (other.scheduleMs < task.scheduleMs ||
          (other.scheduleMs === task.scheduleMs && other.sequence < task.sequence));
      if (before) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
