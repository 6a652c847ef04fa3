// The durable steps of the protocol, by function: everything whose effect outlives the instance that takes
// it. A new one is named here, or has its row in the tables of tasks and calls; the tests kill a function
// before and after each of them.
import { CLIENT_CALLS, type ClientCall } from "./protocol/clientCalls.ts";
import { type FunctionName, TASKS, type TaskKind } from "./protocol/tasks.ts";

/** The steps that a function takes itself. */
const OWN_STEPS = {
  api: [
    "register-client",
    "change-client",
    "retire-client",
    "write-source",
    "write-topology",
    "create-run",
    "control-run",
    "change-run",
    "trigger-round",
    "ask-check",
    "ask-evaluation",
  ],
  coordinator: [
    "open-round",
    "change-request",
    "claim",
    "report",
    "close-round",
    "pass-on",
    "call-off",
    "prewarm",
    "sweep-invocation",
    "write-series",
    "finish-sweep",
    "remove-update",
    "change-check",
    "note-look",
  ],
  client: ["upload"],
  aggregator: [
    "fix-inputs",
    "write-state",
    "write-model",
    "publish",
    "mark-settled",
    "mark-missed",
    "fold-roster",
    "remove-update",
    "finish-round",
  ],
  evaluator: [
    "write-topology",
    "write-model",
    "prepare-run",
    "fail-run",
    "write-score",
    "record-score",
    "record-evaluation",
  ],
} as const satisfies Readonly<Record<FunctionName, readonly string[]>>;

/**
 * Those of a function that asks for a task, and of a client that calls the coordinator, are made of their
 * tables.
 */
export type Step = (typeof OWN_STEPS)[FunctionName][number] | `enqueue ${TaskKind}` | `call ${ClientCall}`;

export const STEPS: Readonly<Record<FunctionName, readonly Step[]>> = {
  api: [...OWN_STEPS.api, ...enqueueSteps("api")],
  coordinator: [...OWN_STEPS.coordinator, ...enqueueSteps("coordinator")],
  client: [...keysOf(CLIENT_CALLS).map((call): Step => `call ${call}`), ...OWN_STEPS.client],
  aggregator: [...OWN_STEPS.aggregator, ...enqueueSteps("aggregator")],
  evaluator: [...OWN_STEPS.evaluator, ...enqueueSteps("evaluator")],
};

function enqueueSteps(asking: FunctionName): readonly Step[] {
  return keysOf(TASKS)
    .filter((kind) => TASKS[kind].askedBy.some((name) => name === asking))
    .map((kind): Step => `enqueue ${kind}`);
}

function keysOf<K extends string>(table: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(table) as K[];
}
