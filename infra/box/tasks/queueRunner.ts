// Runs one queue in real time: wakes when a task is due, sends it, and reports to the queue how it ended.
import { FlError } from "../../../shared/core/errors.ts";
import { attemptHeaders, send } from "./dispatch.ts";
import type { TasksEvent } from "./events.ts";
import { duplicateAfterMs, type TaskFaultRule } from "./faults.ts";
import type { AttemptOutcome, Queue, QueuedTask, TaskRequest } from "./queue.ts";
import { lastSegment } from "./resourceNames.ts";

const longestTimerMs = 2 ** 31 - 1;

/**
 * Makes the identity token that a task carries: signed for this service account and meant for this audience.
 */
export type MintIdToken = (request: { readonly email: string; readonly audience: string }) => Promise<string>;

export interface RunnerOptions {
  readonly mintIdToken: MintIdToken;
  readonly seed: number;
  readonly faults: readonly TaskFaultRule[];
  readonly onEvent: (event: TasksEvent) => void;
  /** Epoch ms. What tasks are due by. */
  readonly nowMs: () => number;
}

interface Sending {
  readonly task: QueuedTask;
  readonly attempt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly duplicate: boolean;
}

export class QueueRunner {
  readonly queue: Queue;
  readonly #options: RunnerOptions;
  readonly #stop = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  readonly #duplicates = new Set<NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #isHeld: boolean;

  /** @param isHeld sends nothing until `release` */
  constructor(queue: Queue, options: RunnerOptions, isHeld = false) {
    this.queue = queue;
    this.#options = options;
    this.#isHeld = isHeld;
  }

  release(): void {
    this.#isHeld = false;
    this.wake();
  }

  /** Whether nothing is on its way or will be within the time given. */
  idle(withinMs: number): boolean {
    if (this.#sending.size > 0 || this.#duplicates.size > 0) return false;
    const wakeAtMs = this.queue.wakeAtMs();
    return wakeAtMs === undefined || wakeAtMs > this.#options.nowMs() + withinMs;
  }

  /** Sends what is due and sets the alarm for the rest. Call after every change to the queue. */
  wake(): void {
    clearTimeout(this.#timer);
    if (this.#isHeld || this.#stop.signal.aborted) return;
    for (const task of this.queue.takeDue(this.#options.nowMs())) this.#dispatch(task);
    const wakeAtMs = this.queue.wakeAtMs();
    if (wakeAtMs === undefined) return;
    const delayMs = Math.max(Math.ceil(wakeAtMs - this.#options.nowMs()), 0);
    this.#timer = setTimeout(() => this.wake(), Math.min(delayMs, longestTimerMs));
  }

  /** Sends a task now, whatever the limits. */
  force(taskName: string): QueuedTask {
    const task = this.queue.force(taskName, this.#options.nowMs());
    this.#dispatch(task);
    return task;
  }

  /** Cuts every request and resolves when none is left. */
  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    for (const timer of this.#duplicates) clearTimeout(timer);
    this.#duplicates.clear();
    await Promise.all(this.#sending);
  }

  #dispatch(task: QueuedTask): void {
    const attempt = task.dispatchCount;
    const headers = attemptHeaders(this.queue.name, task);
    this.#track(this.#attempt({ task, attempt, headers, duplicate: false }));
    const { faults, seed } = this.#options;
    const queueId = lastSegment(this.queue.name);
    const afterMs = duplicateAfterMs(faults, seed, queueId, lastSegment(task.name), attempt);
    if (afterMs === undefined) return;
    const timer = setTimeout(() => {
      this.#duplicates.delete(timer);
      this.#track(this.#attempt({ task, attempt, headers, duplicate: true }));
    }, afterMs);
    this.#duplicates.add(timer);
  }

  async #attempt({ task, attempt, headers, duplicate }: Sending): Promise<void> {
    const dispatchMs = this.#options.nowMs();
    const lateMs = dispatchMs - (task.lastAttempt?.scheduleMs ?? dispatchMs);
    this.#emit(task, { kind: "dispatched", attempt, duplicate, lateMs });
    const outcome = await this.#send(task, headers);
    const nowMs = this.#options.nowMs();
    // What was cut because the service stops is sent again when it starts with what it kept: it counts as no
    // failure.
    const ignored = duplicate || outcome.kind === "stopped";
    const settled = ignored ? "ignored" : this.queue.settle(task, outcome, nowMs);
    this.#emit(task, {
      kind: "answered",
      attempt,
      duplicate,
      outcome,
      durationMs: nowMs - dispatchMs,
      settled,
    });
    this.wake();
  }

  async #send(task: QueuedTask, headers: Readonly<Record<string, string>>): Promise<AttemptOutcome> {
    let authorization: Record<string, string>;
    try {
      authorization = await this.#authorization(task.request);
    } catch (error) {
      return { kind: "no-token", message: error instanceof Error ? error.message : String(error) };
    }
    return send(task.request, {
      headers: { ...headers, ...authorization },
      deadlineMs: task.deadlineMs,
      signal: this.#stop.signal,
    });
  }

  async #authorization({ oidc }: TaskRequest): Promise<Record<string, string>> {
    if (oidc === undefined) return {};
    const token = await this.#options.mintIdToken(oidc);
    if (token === "") throw new FlError("internal", `No token was minted for ${oidc.email}.`);
    return { authorization: `Bearer ${token}` };
  }

  #track(sending: Promise<void>): void {
    const tracked = sending.finally(() => this.#sending.delete(tracked));
    this.#sending.add(tracked);
  }

  #emit(task: QueuedTask, event: DistributiveOmit<TasksEvent, "queue" | "task">): void {
    this.#options.onEvent({ queue: lastSegment(this.queue.name), task: lastSegment(task.name), ...event });
  }
}

type DistributiveOmit<T, Keys extends PropertyKey> = T extends unknown ? Omit<T, Keys> : never;
