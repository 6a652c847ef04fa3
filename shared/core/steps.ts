// The durable steps of the protocol, by function: everything whose effect outlives the instance that takes it. Whoever adds
// one names it here; the tests kill a function before and after each of them.
import type { Command } from "./round/commands.ts";

export const STEPS = {
  api: [
    "register-client",
    "retire-client",
    "write-topology",
    "create-run",
    "control-run",
    "trigger-round",
    "enqueue prepare",
    "enqueue open-round",
    "enqueue sweep",
  ],
  coordinator: [
    "open-round",
    "change-request",
    "claim",
    "report",
    "close-round",
    "call-off",
    "prewarm",
    "sweep-invocation",
    "finish-sweep",
    "remove-update",
    "enqueue open-round",
    "enqueue close-round",
    "enqueue invoke",
    "enqueue aggregate",
    "enqueue prewarm",
    "enqueue warm",
    "enqueue sweep",
  ],
  client: ["call claim", "upload", "call report"],
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
    "enqueue evaluate",
    "enqueue open-round",
  ],
  evaluator: [
    "write-topology",
    "write-model",
    "prepare-run",
    "fail-run",
    "record-score",
    "enqueue open-round",
  ],
} as const;

export type Step = (typeof STEPS)[keyof typeof STEPS][number];

/** A command's step is there for each kind of command: where one is missing, this does not compile. */
export function enqueueStep(kind: Command["kind"]): Step {
  return `enqueue ${kind}`;
}
