// A task queue that delivers nothing by itself: its holder decides what is called, and when.
import type { FoundTask, SentTask, Task, TaskQueue } from "../../../shared/core/ports/taskQueue.ts";

export class HeldQueue implements TaskQueue {
  readonly #waiting = new Map<string, Task>();
  readonly #usedNames = new Set<string>();

  async enqueue(task: Task): Promise<"created" | "exists"> {
    if (this.#usedNames.has(task.name)) return "exists";
    this.#usedNames.add(task.name);
    this.#waiting.set(task.name, task);
    return "created";
  }

  async find(name: string): Promise<FoundTask | null> {
    return this.#waiting.has(name) ? { sentAtMs: null, lastAnswer: null } : null;
  }

  async sent(): Promise<readonly SentTask[]> {
    return [];
  }

  async remove(name: string): Promise<void> {
    this.drop(name);
  }

  /** Names of the tasks that are not done. */
  names(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  task(name: string): Task {
    const task = this.#waiting.get(name);
    if (task === undefined) throw new Error(`No task ${name} waits.`);
    return task;
  }

  /** Done, or vanished: its name stays taken. */
  drop(name: string): void {
    this.#waiting.delete(name);
  }
}
