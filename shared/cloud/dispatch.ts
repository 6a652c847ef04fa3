// Commands become tasks: which function each one calls, on which queue, under which name.
import { FlError } from "../core/errors.ts";
import type { FoundTask, Task, TaskQueue } from "../core/ports/taskQueue.ts";
import type { CallOnItsWay } from "../core/roster/reports.ts";
import { type Command, invocationOf, taskName } from "../core/round/commands.ts";
import { enqueueStep } from "../core/steps.ts";
import { step } from "./steps.ts";

/** The addresses of the functions that commands call; a deployment's function knows those it needs. */
export interface FunctionUrls {
  readonly coordinator: string;
  readonly aggregator?: string;
  readonly evaluator?: string;
}

export type Dispatch = (commands: readonly Command[]) => Promise<void>;

/** Enqueues those commands whose tasks are neither waiting nor being delivered, and returns them. */
export type DispatchMissing = (commands: readonly Command[]) => Promise<readonly Command[]>;

/** Enqueues at once: as many as a queue takes without pushing back. */
const PARALLEL = 20;

/**
 * Enqueues commands under the names of their transitions; one that is enqueued already is left alone. One that the queue
 * refuses does not hold up the others.
 *
 * Every failure is one that a retry can put right: what the commands follow from is decided already, and a queue that refuses
 * one is a fault of the deployment, not of the caller.
 *
 * @throws FlError("unavailable"), needing a person, when a task was refused; as `TaskQueue` when the queue does not answer.
 */
export function dispatcher(queue: TaskQueue, urls: FunctionUrls): Dispatch {
  return async (commands) => {
    const refusals: FlError[] = [];
    for (let start = 0; start < commands.length; start += PARALLEL) {
      const some = commands.slice(start, start + PARALLEL);
      const answers = await Promise.allSettled(
        some.map((command) => step(enqueueStep(command.kind), () => queue.enqueue(taskFor(command, urls)))),
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
 * For what should be under way and seems not to be: a task that is done, or was given up, has left its name behind for a
 * while, so the transition is asked for again under another one.
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
    const answer = await step(enqueueStep(command.kind), () => queue.enqueue(named));
    if (answer === "created") return true;
  }
  return false;
}

/** A client that the queue has given up is called once more, not for ever. */
function mostNames({ kind }: Command): number {
  return kind === "invoke" ? 2 : MOST_NAMES;
}

function nameOf({ name }: Task, number: number): string {
  return number === 1 ? name : `${name}_${number}`;
}

function isRefusal(error: unknown): error is FlError {
  return error instanceof FlError && (error.retry === "never" || error.retry === "needs-a-person");
}

/** How long Cloud Tasks waits for an answer: no longer than the function may work, so that a lost call is soon repeated. */
export const taskDeadlineSeconds: Readonly<Record<keyof FunctionUrls, number>> = {
  coordinator: 60,
  aggregator: 540,
  evaluator: 540,
};

/** Longer than any cold start: whoever has not answered by then is not likely to be there. */
const WARM_SECONDS = 60;

/** Beside the address that trains, whatever follows its path. */
function warmUrl(url: string): string {
  const beside = new URL(url);
  beside.pathname = `${beside.pathname.replace(/\/$/, "")}/warm`;
  return beside.href;
}

/** The task that a command stands for. */
export function taskFor(command: Command, urls: FunctionUrls): Task {
  const name = taskName(command);
  const address = (called: keyof FunctionUrls): string => {
    const url = urls[called];
    if (url === undefined) throw new FlError("internal", `This function does not know the ${called}.`);
    return url;
  };
  const control = (called: keyof FunctionUrls, path: string, body: object): Task => ({
    name,
    queue: "control",
    url: `${address(called)}${path}`,
    audience: address(called),
    body,
    deadlineSeconds: taskDeadlineSeconds[called],
  });
  switch (command.kind) {
    case "prepare":
      return control("evaluator", "/prepare", { runId: command.runId });
    case "open-round": {
      const task = control("coordinator", "/open-round", {
        runId: command.runId,
        request: command.request,
      });
      return command.atMs === undefined ? task : { ...task, scheduleAtMs: command.atMs };
    }
    case "close-round": {
      const { runId, round, pass, atMs } = command;
      return { ...control("coordinator", "/close-round", { runId, round, pass }), scheduleAtMs: atMs };
    }
    case "aggregate":
      return control("aggregator", "/aggregate", { runId: command.runId, round: command.round });
    case "prewarm":
      return control("coordinator", "/prewarm", { runId: command.runId, round: command.round });
    case "evaluate": {
      const { runId, round, version } = command;
      return control("evaluator", "/evaluate", { runId, round, version });
    }
    case "sweep":
      return {
        ...control("coordinator", "/sweep", { runId: command.runId, pass: command.pass }),
        ...(command.atMs === undefined ? {} : { scheduleAtMs: command.atMs }),
      };
    case "warm": {
      const { runId, round, clientId, url } = command;
      return {
        name,
        queue: "client",
        url: warmUrl(url),
        audience: url,
        body: { runId, round, clientId },
        deadlineSeconds: WARM_SECONDS,
      };
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
