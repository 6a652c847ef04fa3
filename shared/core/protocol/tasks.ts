// The protocol's tasks, one row each. Commands, names of tasks, addresses, routes, durable steps and the
// simulator's interpreter are derived from this table: a new task is a row here and its work, and does not
// compile before both are there.
import * as z from "zod";
import { ClientId, ModelVersion, RoundNumber, RunId } from "../schemas/ids.ts";

/** The functions of a deployment. */
export const FUNCTION_NAMES = ["api", "coordinator", "aggregator", "evaluator", "client"] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/**
 * The deployment's own functions that tasks call, on the control queue. Clients are called on a queue of
 * their own.
 */
export type ControlFunction = Exclude<FunctionName, "api" | "client">;

/**
 * How long Cloud Tasks waits for an answer of each: no longer than the function may work, so that a lost call
 * is soon repeated.
 */
export const CONTROL_DEADLINE_SECONDS: Readonly<Record<ControlFunction, number>> = {
  coordinator: 60,
  aggregator: 540,
  evaluator: 540,
};

/** What Cloud Tasks takes as the time that a call may last, in seconds, inclusive. */
export const CALL_SECONDS = { least: 15, most: 1_800 } as const;

interface TaskRow<Body extends z.ZodObject = z.ZodObject> {
  /** The function that does it. */
  readonly function: ControlFunction | "client";
  /** Below the function's address; what a client is registered with is its address for training, "/". */
  readonly path: `/${string}`;
  /** What it does, in the words of a route. */
  readonly summary: string;
  /** What is sent. */
  readonly body: Body;
  /**
   * What makes a task the transition that it stands for: this word, the run where it is of one, then these
   * parts of the body. Repeating it is the same task.
   */
  readonly name: readonly [word: string, ...by: (keyof z.infer<Body> & string)[]];
  /** Whether its command says when it is due: never (it is due at once), where it likes, or always. */
  readonly due: "at-once" | "may-wait" | "at-a-time";
  /**
   * How long one call may last: as long as its function may work, as the client's time-out, or so many
   * seconds.
   */
  readonly callSeconds: "function" | "client" | number;
  /** The functions that ask for it: its durable step is one of theirs. */
  readonly askedBy: readonly FunctionName[];
}

/** A row, its name held against its body. */
function row<const Body extends z.ZodObject, const Row extends Omit<TaskRow<Body>, "body">>(
  body: Body,
  rest: Row & Omit<TaskRow<Body>, "body">,
): Row & { readonly body: Body } {
  return { ...rest, body };
}

export const TASKS = {
  prepare: row(z.strictObject({ runId: RunId }), {
    function: "evaluator",
    path: "/prepare",
    summary: "Make a run's initial weights.",
    name: ["prepare"],
    due: "at-once",
    callSeconds: "function",
    askedBy: ["api"],
  }),
  "open-round": row(z.strictObject({ runId: RunId, request: z.number().int().min(1) }), {
    function: "coordinator",
    path: "/open-round",
    summary: "Open the next round of a run.",
    name: ["open", "request"],
    due: "may-wait",
    callSeconds: "function",
    askedBy: ["api", "coordinator", "aggregator", "evaluator"],
  }),
  invoke: row(z.strictObject({ runId: RunId, round: RoundNumber, clientId: ClientId }), {
    function: "client",
    path: "/",
    summary: "Train on the client's data and report.",
    name: ["invoke", "round", "clientId"],
    due: "at-once",
    callSeconds: "client",
    askedBy: ["coordinator"],
  }),
  "close-round": row(
    z.strictObject({
      runId: RunId,
      round: RoundNumber,
      pass: z.union([z.literal(1), z.literal(2)]).describe("2 for the extension."),
    }),
    {
      function: "coordinator",
      path: "/close-round",
      summary: "Close a round at its deadline.",
      name: ["close", "round", "pass"],
      due: "at-a-time",
      callSeconds: "function",
      askedBy: ["coordinator"],
    },
  ),
  "pass-on": row(
    z.strictObject({
      runId: RunId,
      round: RoundNumber,
      group: z.number().int().min(1).describe("Of the round's relay."),
      hop: z.number().int().min(1).describe("The place in the group whose time is over."),
    }),
    {
      function: "coordinator",
      path: "/pass-on",
      summary: "Pass a relay's model on to the next client of a group, at the deadline of the one before.",
      name: ["pass", "round", "group", "hop"],
      due: "at-a-time",
      callSeconds: "function",
      askedBy: ["coordinator"],
    },
  ),
  prewarm: row(z.strictObject({ runId: RunId, round: RoundNumber }), {
    function: "coordinator",
    path: "/prewarm",
    summary: "Wake the clients of the round to come.",
    name: ["prewarm", "round"],
    due: "at-once",
    callSeconds: "function",
    askedBy: ["coordinator"],
  }),
  warm: row(z.strictObject({ runId: RunId, round: RoundNumber, clientId: ClientId }), {
    function: "client",
    path: "/warm",
    summary: "Load everything, so that the next round need not wait for it.",
    name: ["warm", "round", "clientId"],
    due: "at-once",
    // Longer than any cold start: a client that has not answered by then is not likely to be there.
    callSeconds: 60,
    askedBy: ["coordinator"],
  }),
  aggregate: row(z.strictObject({ runId: RunId, round: RoundNumber }), {
    function: "aggregator",
    path: "/aggregate",
    summary: "Fold a round's updates into the next model version.",
    name: ["aggregate", "round"],
    due: "at-once",
    callSeconds: "function",
    askedBy: ["coordinator"],
  }),
  evaluate: row(z.strictObject({ runId: RunId, round: RoundNumber, version: ModelVersion }), {
    function: "evaluator",
    path: "/evaluate",
    summary: "Score a model version.",
    name: ["evaluate", "version"],
    due: "at-once",
    callSeconds: "function",
    askedBy: ["aggregator"],
  }),
  score: row(z.strictObject({ runId: RunId, version: ModelVersion, number: z.number().int().min(1) }), {
    function: "evaluator",
    path: "/score",
    summary: "Score a model version because somebody asked for it.",
    name: ["score", "version", "number"],
    due: "at-once",
    callSeconds: "function",
    askedBy: ["api"],
  }),
  "check-client": row(
    z.strictObject({
      clientId: ClientId,
      number: z.number().int().min(1),
      pass: z
        .number()
        .int()
        .min(1)
        .describe("1 has the client called; later ones look what became of the call."),
    }),
    {
      function: "coordinator",
      path: "/check-client",
      summary: "Have a client checked, and look what became of the call.",
      name: ["look", "clientId", "number", "pass"],
      due: "may-wait",
      callSeconds: "function",
      askedBy: ["api", "coordinator"],
    },
  ),
  check: row(z.strictObject({ clientId: ClientId, number: z.number().int().min(1) }), {
    function: "client",
    path: "/check",
    summary: "Read the data, train a few steps of the run that is named, and report what was found.",
    name: ["check", "clientId", "number"],
    due: "at-once",
    callSeconds: "client",
    askedBy: ["coordinator"],
  }),
  sweep: row(
    z.strictObject({
      runId: RunId,
      pass: z
        .number()
        .int()
        .min(1)
        .describe("Counts the looks at an ended run; a later one waits for clients still at work."),
    }),
    {
      function: "coordinator",
      path: "/sweep",
      summary: "Clean up after a run that has ended.",
      name: ["sweep", "pass"],
      due: "may-wait",
      callSeconds: "function",
      askedBy: ["api", "coordinator"],
    },
  ),
} as const satisfies Readonly<Record<string, TaskRow>>;

export type TaskKind = keyof typeof TASKS;

/** The tasks that a function does. */
export type TaskKindOf<F extends FunctionName> = {
  [K in TaskKind]: (typeof TASKS)[K]["function"] extends F ? K : never;
}[TaskKind];

/** What a task of this kind is sent. */
export type TaskBody<K extends TaskKind> = z.infer<(typeof TASKS)[K]["body"]>;

/** The watchdog's call. No row: Cloud Scheduler makes it, so that it has no name, no run and no command. */
export const WATCHDOG = {
  function: "coordinator",
  path: "/watchdog",
  summary: "Ask again for the tasks that runs have lost.",
  body: z.strictObject({}),
} as const;
