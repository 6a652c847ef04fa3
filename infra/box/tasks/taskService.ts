// The calls of google.cloud.tasks.v2.CloudTasks on the queues held here: each takes a message and returns
// one.
import type { protos } from "@google-cloud/tasks";
import { FlError } from "../../../shared/core/errors.ts";
import type { State, StateTable } from "../state/state.ts";
import { queueMessage, taskMessage } from "./messages.ts";
import { Queue } from "./queue.ts";
import type { QueueConfig } from "./queueConfig.ts";
import { QueueRunner, type RunnerOptions } from "./queueRunner.ts";
import { QueueRecords } from "./records.ts";
import { configOfMessage, newTask, updatedConfig } from "./requests.ts";
import { lastSegment, queueOfTask, requireLocation, requireQueueName } from "./resourceNames.ts";

type QueueMessage = protos.google.cloud.tasks.v2.IQueue;
type TaskMessage = protos.google.cloud.tasks.v2.ITask;
type Named = protos.google.cloud.tasks.v2.IGetQueueRequest;
type NamedTask = protos.google.cloud.tasks.v2.IGetTaskRequest;

/** What is kept of a queue beside its tasks. */
interface QueueRecord {
  readonly config: QueueConfig;
  readonly state: Queue["state"];
  readonly purgeMs: number | undefined;
}

export interface TaskServiceOptions extends RunnerOptions {
  readonly state: State;
  /** Sends nothing until `release`. */
  readonly isHeld: boolean;
}

export class TaskService {
  readonly #options: TaskServiceOptions;
  readonly #records: StateTable<QueueRecord>;
  #isHeld: boolean;
  readonly #runners = new Map<string, QueueRunner>();
  /** Deleted queues whose last requests are still on their way. */
  readonly #stopping = new Set<Promise<void>>();
  /** Past those of every earlier start. */
  #generatedIds: number;

  constructor(options: TaskServiceOptions) {
    this.#options = options;
    this.#records = options.state.table("queues");
    this.#isHeld = options.isHeld;
    this.#generatedIds = options.nowMs() * 1_000;
  }

  /** A queue that was kept has its tasks, and is paused if it was; its settings are those given. */
  addQueue(name: string, config: Partial<QueueConfig>): Queue {
    requireQueueName(name);
    if (this.#runners.has(name)) throw new FlError("already-exists", `There is a queue ${name} already.`);
    const kept = new Map(this.#records.entries(name)).get(name);
    const queue = new Queue(name, config, this.#options.nowMs(), new QueueRecords(name, this.#options.state));
    queue.state = kept?.state ?? "RUNNING";
    queue.purgeMs = kept?.purgeMs;
    this.#runners.set(name, new QueueRunner(queue, this.#options, this.#isHeld));
    this.#save(queue);
    return queue;
  }

  /** Adds every queue that was kept and is not there yet. */
  restore(): void {
    for (const [name, { config }] of this.#records.entries()) {
      if (!this.#runners.has(name)) this.addQueue(name, config);
    }
  }

  /** Begins to send. */
  release(): void {
    this.#isHeld = false;
    for (const runner of this.#runners.values()) runner.release();
  }

  /** Sends what is due: for a clock that has been put forward. */
  wake(): void {
    for (const runner of this.#runners.values()) runner.wake();
  }

  runner(name: string): QueueRunner {
    const runner = this.#runners.get(name);
    if (runner === undefined) throw new FlError("not-found", `There is no queue ${name}: create it first.`);
    return runner;
  }

  idle(withinMs: number): boolean {
    return this.#stopping.size === 0 && [...this.#runners.values()].every((runner) => runner.idle(withinMs));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#stopping, ...[...this.#runners.values()].map((runner) => runner.stop())]);
  }

  /** By name as in the protocol. What is missing here is answered UNIMPLEMENTED. */
  readonly calls = {
    createQueue: ({ parent, queue }: protos.google.cloud.tasks.v2.ICreateQueueRequest): QueueMessage => {
      const name = queue?.name ?? "";
      if (!name.startsWith(`${requireLocation(parent ?? "")}/queues/`)) {
        throw new FlError("invalid-argument", `Queue "${name}" does not belong to ${parent}.`);
      }
      return queueMessage(this.addQueue(name, configOfMessage(queue ?? {})));
    },

    updateQueue: ({ queue, updateMask }: protos.google.cloud.tasks.v2.IUpdateQueueRequest): QueueMessage => {
      const name = queue?.name ?? "";
      const target = this.#runners.get(name)?.queue ?? this.addQueue(name, {});
      target.config = updatedConfig(target.config, queue ?? {}, updateMask?.paths ?? []);
      return this.#woken(name);
    },

    getQueue: ({ name }: Named): QueueMessage => queueMessage(this.runner(name ?? "").queue),

    listQueues: (request: protos.google.cloud.tasks.v2.IListQueuesRequest) => {
      const prefix = `${requireLocation(request.parent ?? "")}/queues/`;
      if (request.filter) throw new FlError("invalid-argument", "Filters on queues are not supported here.");
      const queues = [...this.#runners.values()].map((runner) => runner.queue);
      const found = queues.filter((queue) => queue.name.startsWith(prefix));
      const { items, nextPageToken } = page(found, (queue) => queue.name, 9_800, request);
      return { queues: items.map(queueMessage), nextPageToken };
    },

    deleteQueue: ({ name }: Named): object => {
      const runner = this.runner(name ?? "");
      this.#runners.delete(runner.queue.name);
      this.#options.state.atomically(() => {
        this.#records.delete(runner.queue.name);
        new QueueRecords(runner.queue.name, this.#options.state).clear();
      });
      const stopping = runner.stop().finally(() => this.#stopping.delete(stopping));
      this.#stopping.add(stopping);
      return {};
    },

    purgeQueue: ({ name }: Named): QueueMessage => {
      this.runner(name ?? "").queue.purge(this.#options.nowMs());
      return this.#woken(name);
    },

    pauseQueue: ({ name }: Named): QueueMessage => {
      this.runner(name ?? "").queue.state = "PAUSED";
      return this.#woken(name);
    },

    resumeQueue: ({ name }: Named): QueueMessage => {
      this.runner(name ?? "").queue.state = "RUNNING";
      return this.#woken(name);
    },

    createTask: (request: protos.google.cloud.tasks.v2.ICreateTaskRequest): TaskMessage => {
      const runner = this.runner(request.parent ?? "");
      const nowMs = this.#options.nowMs();
      const id = padded(this.#generatedIds++);
      const asked = newTask(request.task ?? {}, runner.queue.name, id, nowMs);
      const ids = { queue: lastSegment(runner.queue.name), task: lastSegment(asked.name) };
      try {
        const task = runner.queue.add(asked, nowMs);
        this.#options.onEvent({ ...ids, kind: "created", scheduleMs: task.scheduleMs });
        const answer = taskMessage(task, request.responseView);
        runner.wake();
        return answer;
      } catch (error) {
        if (error instanceof FlError && error.code === "already-exists") {
          this.#options.onEvent({ ...ids, kind: "refused-name" });
        }
        throw error;
      }
    },

    getTask: ({ name, responseView }: NamedTask): TaskMessage =>
      taskMessage(this.#runnerOfTask(name).queue.get(name ?? ""), responseView),

    listTasks: (request: protos.google.cloud.tasks.v2.IListTasksRequest) => {
      const tasks = this.runner(request.parent ?? "").queue.list();
      const { items, nextPageToken } = page(tasks, (task) => padded(task.sequence), 1_000, request);
      return { tasks: items.map((task) => taskMessage(task, request.responseView)), nextPageToken };
    },

    deleteTask: ({ name }: NamedTask): object => {
      this.#runnerOfTask(name).queue.remove(name ?? "", this.#options.nowMs());
      return {};
    },

    runTask: ({ name, responseView }: NamedTask): TaskMessage =>
      taskMessage(this.#runnerOfTask(name).force(name ?? ""), responseView),
  };

  #save({ name, config, state, purgeMs }: Queue): void {
    this.#records.put(name, { config, state, purgeMs });
  }

  #runnerOfTask(taskName: string | null | undefined): QueueRunner {
    return this.runner(queueOfTask(taskName ?? ""));
  }

  #woken(name: string | null | undefined): QueueMessage {
    const runner = this.runner(name ?? "");
    this.#save(runner.queue);
    runner.wake();
    return queueMessage(runner.queue);
  }
}

/** The items after the token's, in order of their keys, and the token of the last one when more follow. */
function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  maxSize: number,
  request: { pageSize?: number | null; pageToken?: string | null },
): { items: readonly T[]; nextPageToken: string } {
  const size = Math.min(request.pageSize || maxSize, maxSize);
  const sorted = items.map((item) => ({ item, key: keyOf(item) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const after = sorted.filter(({ key }) => key > (request.pageToken ?? ""));
  const taken = after.slice(0, size);
  const nextPageToken = after.length > size ? (taken.at(-1)?.key ?? "") : "";
  return { items: taken.map(({ item }) => item), nextPageToken };
}

function padded(sequence: number): string {
  return String(sequence).padStart(20, "0");
}
