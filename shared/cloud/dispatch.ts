// Commands become tasks on the queues, at the addresses of a deployment, as the protocol's table has them.
import { FlError } from "../core/errors.ts";
import type { FoundTask, Task, TaskQueue } from "../core/ports/taskQueue.ts";
import { type Command, invocationOf, taskBody, taskName } from "../core/protocol/commands.ts";
import {
  CALL_SECONDS,
  CONTROL_DEADLINE_SECONDS,
  type ControlFunction,
  TASKS,
} from "../core/protocol/tasks.ts";
import type { CallOnItsWay } from "../core/roster/reports.ts";
import { step } from "./steps.ts";

/** The addresses of the functions that commands call; a deployment's function knows those it needs. */
export type FunctionUrls = Readonly<Pick<Record<ControlFunction, string>, "coordinator">> &
  Readonly<Partial<Record<ControlFunction, string>>>;

export type Dispatch = (commands: readonly Command[]) => Promise<void>;

/** Enqueues those commands whose tasks are neither waiting nor being delivered, and returns them. */
export type DispatchMissing = (commands: readonly Command[]) => Promise<readonly Command[]>;

/** Enqueues at once: as many as a queue takes without pushing back. */
const PARALLEL = 20;

/**
 * Enqueues commands under the names of their transitions; one that is enqueued already is left alone. One
 * that the queue refuses does not hold up the others.
 *
 * Every failure is one that a retry can put right: what the commands follow from is decided already, and a
 * queue that refuses one is a fault of the deployment, not of the caller.
 *
 * @throws FlError("unavailable"), needing a person, when a task was refused; as `TaskQueue` when the queue
 *   does not answer.
 */
export function dispatcher(queue: TaskQueue, urls: FunctionUrls): Dispatch {
  return async (commands) => {
    const refusals: FlError[] = [];
    for (let start = 0; start < commands.length; start += PARALLEL) {
      const some = commands.slice(start, start + PARALLEL);
      const answers = await Promise.allSettled(
        some.map((command) => step(`enqueue ${command.kind}`, () => queue.enqueue(taskFor(command, urls)))),
      );
      for (const answer of answers) {
        if (answer.status === "fulfilled") continue;
        if (!isRefusal(answer.reason)) throw answer.reason;
        refusals.push(answer.reason);
      }
    }
    if (refusals.length > 0) {
      const message = `${refusals.length} of ${commands.length} tasks could not be queued. ${refusals[0]?.message}`;
      throw new FlError("unavailable", message, { cause: refusals[0], retry: "needs-a-person" });
    }
  };
}

/**
 * For what should be under way and seems not to be: a task that is done, or was given up, has left its name
 * behind for a while, so the transition is asked for again under another one.
 */
export function missingDispatcher(queue: TaskQueue, urls: FunctionUrls): DispatchMissing {
  return async (commands) => {
    const missing: Command[] = [];
    for (const command of commands) if (await askedAgain(command, queue, urls)) missing.push(command);
    return missing;
  };
}

/** The task that a command stands for, or the one in its place since that was lost. */
export interface Calls {
  /** Null once it is over. */
  find(command: Command): Promise<FoundTask | null>;
  /** No further attempt of it begins. One that is on its way goes on. */
  callOff(command: Command): Promise<void>;
  /** The calls of a run's clients that are being delivered. */
  onTheirWay(runId: string): Promise<readonly CallOnItsWay[]>;
}

export function callsOf(queue: TaskQueue, urls: FunctionUrls): Calls {
  return {
    find: async (command) => {
      const task = taskFor(command, urls);
      for (let number = 1; number <= mostNames(command); number++) {
        const found = await queue.find(nameOf(task, number), task.queue);
        if (found !== null) return found;
      }
      return null;
    },
    onTheirWay: async (runId) =>
      (await queue.sent("client")).flatMap(({ name, untilMs }) => {
        const called = invocationOf(name);
        return called?.runId === runId ? [{ round: called.round, clientId: called.clientId, untilMs }] : [];
      }),
    callOff: async (command) => {
      const task = taskFor(command, urls);
      for (let number = 1; number <= mostNames(command); number++) {
        await step("call-off", () => queue.remove(nameOf(task, number), task.queue));
      }
    },
  };
}

/** A queue forgets names after an hour or so: no transition is asked for so often within one. */
const MOST_NAMES = 50;

/** Whether the command's task, or the one that stands for it since that was lost, was missing. */
async function askedAgain(command: Command, queue: TaskQueue, urls: FunctionUrls): Promise<boolean> {
  const task = taskFor(command, urls);
  for (let number = 1; number <= mostNames(command); number++) {
    const named = { ...task, name: nameOf(task, number) };
    if ((await queue.find(named.name, named.queue)) !== null) return false;
    const answer = await step(`enqueue ${command.kind}`, () => queue.enqueue(named));
    if (answer === "created") return true;
  }
  return false;
}

/** A client that the queue has given up is called once more, not for ever; a check is asked for anew instead. */
function mostNames({ kind }: Command): number {
  if (kind === "check") return 1;
  return kind === "invoke" ? 2 : MOST_NAMES;
}

function nameOf({ name }: Task, number: number): string {
  return number === 1 ? name : `${name}_${number}`;
}

function isRefusal(error: unknown): error is FlError {
  return error instanceof FlError && (error.retry === "never" || error.retry === "needs-a-person");
}

/** The task that a command stands for. */
export function taskFor(command: Command, urls: FunctionUrls): Task {
  const called = calledAt(command, urls);
  return {
    name: taskName(command),
    ...called,
    body: taskBody(command),
    ...("atMs" in command && command.atMs !== undefined ? { scheduleAtMs: command.atMs } : {}),
  };
}

type Called = Required<Pick<Task, "queue" | "url" | "audience" | "deadlineSeconds">>;

/** A function's token is for its own address; a client's for the address it is registered with. */
function calledAt(command: Command, urls: FunctionUrls): Called {
  switch (command.kind) {
    case "invoke": {
      const { url, timeoutSeconds } = command;
      const deadlineSeconds = Math.min(Math.max(timeoutSeconds, CALL_SECONDS.least), CALL_SECONDS.most);
      return { queue: "client", url, audience: url, deadlineSeconds };
    }
    case "check": {
      const { url, timeoutSeconds } = command;
      const deadlineSeconds = Math.min(Math.max(timeoutSeconds, CALL_SECONDS.least), CALL_SECONDS.most);
      return { queue: "client", url: beside(url, TASKS.check.path), audience: url, deadlineSeconds };
    }
    case "warm": {
      const { path, callSeconds } = TASKS.warm;
      const { url } = command;
      return { queue: "client", url: beside(url, path), audience: url, deadlineSeconds: callSeconds };
    }
    default: {
      const { function: name, path } = TASKS[command.kind];
      const url = urls[name];
      if (url === undefined) throw new FlError("internal", `This function does not know the ${name}.`);
      const deadlineSeconds = CONTROL_DEADLINE_SECONDS[name];
      return { queue: "control", url: `${url}${path}`, audience: url, deadlineSeconds };
    }
  }
}

/** Beside the address that trains, whatever follows its path. */
function beside(url: string, path: string): string {
  const other = new URL(url);
  other.pathname = `${other.pathname.replace(/\/$/, "")}${path}`;
  return other.href;
}
