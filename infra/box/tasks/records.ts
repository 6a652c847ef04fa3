// What a queue keeps beyond the process: its tasks, those on their way too, and the names that are still
// taken.
import { noState, type State, type StateTable } from "../state/state.ts";

/** What of a task the records themselves look at; the rest they keep as it is. */
interface KeptTask {
  readonly name: string;
  readonly sequence: number;
}

export class QueueRecords<Task extends KeptTask> {
  readonly #state: State;
  readonly #prefix: string;
  readonly #tasks: StateTable<Task>;
  readonly #tombstones: StateTable<number>;

  constructor(queueName: string, state: State = noState) {
    this.#state = state;
    this.#prefix = `${queueName}/tasks/`;
    this.#tasks = state.table("tasks");
    this.#tombstones = state.table("task-tombstones");
  }

  /** By creation. */
  tasks(): readonly Task[] {
    const tasks = [...this.#tasks.entries(this.#prefix)].map(([, task]) => task);
    return tasks.sort((a, b) => a.sequence - b.sequence);
  }

  /** Name and the time at which it is free again, in that order. */
  tombstones(): readonly (readonly [string, number])[] {
    return [...this.#tombstones.entries(this.#prefix)].sort(([, a], [, b]) => a - b);
  }

  save(tasks: readonly Task[]): void {
    if (tasks.length === 0) return;
    this.#state.atomically(() => {
      for (const task of tasks) this.#tasks.put(task.name, task);
    });
  }

  /** The tasks are no more; their names stay taken. */
  end(names: readonly string[], freeAtMs: number): void {
    this.#state.atomically(() => {
      for (const name of names) {
        this.#tasks.delete(name);
        this.#tombstones.put(name, freeAtMs);
      }
    });
  }

  /** The names can be used again. */
  free(names: readonly string[]): void {
    if (names.length === 0) return;
    this.#state.atomically(() => {
      for (const name of names) this.#tombstones.delete(name);
    });
  }

  /** Forgets all of the queue. */
  clear(): void {
    this.#state.atomically(() => {
      for (const [name] of this.#tasks.entries(this.#prefix)) this.#tasks.delete(name);
      for (const [name] of this.#tombstones.entries(this.#prefix)) this.#tombstones.delete(name);
    });
  }
}
