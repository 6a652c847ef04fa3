// Commands become tasks: which function each one calls, on which queue, under which name.
import { FlError } from "../core/errors.ts";
import type { Task, TaskQueue } from "../core/ports/taskQueue.ts";
import { type Command, taskName } from "../core/round/commands.ts";

/** The addresses of the functions that commands call; a deployment's function knows those it needs. */
export interface FunctionUrls {
  readonly coordinator: string;
  readonly aggregator: string;
  readonly evaluator: string;
}

export type Dispatch = (commands: readonly Command[]) => Promise<void>;

/** Enqueues at once: as many as a queue takes without pushing back. */
const PARALLEL = 20;

/**
 * Enqueues commands under the names of their transitions; one that is enqueued already is left alone. One that the queue
 * refuses does not hold up the others.
 *
 * Every failure is one that a retry may mend: what the commands follow from is decided already, and a queue that refuses
 * one is a fault of the deployment, not of the caller.
 *
 * @throws FlError("unavailable") when a task could not be queued; as `TaskQueue` when the queue does not answer.
 */
export function dispatcher(queue: TaskQueue, urls: FunctionUrls): Dispatch {
  return async (commands) => {
    const refusals: FlError[] = [];
    for (let start = 0; start < commands.length; start += PARALLEL) {
      const tasks = commands.slice(start, start + PARALLEL).map((command) => taskFor(command, urls));
      const answers = await Promise.allSettled(tasks.map((task) => queue.enqueue(task)));
      for (const answer of answers) {
        if (answer.status === "fulfilled") continue;
        if (!isRefusal(answer.reason)) throw answer.reason;
        refusals.push(answer.reason);
      }
    }
    if (refusals.length > 0) {
      const message = `${refusals.length} of ${commands.length} tasks could not be queued.`;
      throw new FlError("unavailable", message, { cause: refusals[0] });
    }
  };
}

function isRefusal(error: unknown): error is FlError {
  return error instanceof FlError && error.retry === "never";
}

/** The task that a command stands for. */
export function taskFor(command: Command, urls: FunctionUrls): Task {
  const name = taskName(command);
  const control = (base: string, path: string, body: object): Task => ({
    name,
    queue: "control",
    url: `${base}${path}`,
    audience: base,
    body,
  });
  switch (command.kind) {
    case "prepare":
      return control(urls.evaluator, "/prepare", { runId: command.runId });
    case "open-round": {
      const task = control(urls.coordinator, "/open-round", {
        runId: command.runId,
        request: command.request,
      });
      return command.atMs === undefined ? task : { ...task, scheduleAtMs: command.atMs };
    }
    case "close-round": {
      const { runId, round, pass, atMs } = command;
      return { ...control(urls.coordinator, "/close-round", { runId, round, pass }), scheduleAtMs: atMs };
    }
    case "aggregate":
      return control(urls.aggregator, "/aggregate", { runId: command.runId, round: command.round });
    case "evaluate": {
      const { runId, round, version } = command;
      return control(urls.evaluator, "/evaluate", { runId, round, version });
    }
    case "invoke": {
      const { runId, round, clientId, url, timeoutSeconds } = command;
      return {
        name,
        queue: "client",
        url,
        audience: url,
        body: { runId, round, clientId },
        deadlineSeconds: Math.min(Math.max(timeoutSeconds, 15), 1_800),
      };
    }
  }
}
