// What can go wrong at a point of the protocol, and which of it is tried at which point.
import type { CallFaultInput } from "../../../infra/box/callFaults.ts";

/** A call that fails: which kind of call, how, and whether it takes effect nevertheless. */
export type CallFailure = Pick<CallFaultInput, "service" | "method" | "answer" | "applied">;

export type Fault =
  /** The process is gone. */
  | "kill"
  /** The process stands still, and so does all it serves, for longer than a transaction may be idle. */
  | "freeze"
  /** The request that led here is delivered a second time, now. */
  | "twice"
  /** The same, but late. */
  | "again"
  /** The answer is cut off. */
  | "lost"
  | CallFailure;

const firestore = (answer: string, applied: boolean) =>
  ({ service: "firestore", method: "Commit", answer, applied }) as CallFailure;
const tasks = (answer: string, applied: boolean) =>
  ({ service: "tasks", method: "CreateTask", answer, applied }) as CallFailure;
const storage = (method: string) => (answer: number | "lost", applied: boolean) =>
  ({ service: "storage", method, answer, applied }) as CallFailure;

const COMMIT_FAILURES = [
  ...["UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "CANCELLED"].map(
    (answer) => firestore(answer, false),
  ),
  ...["lost", "DEADLINE_EXCEEDED", "INTERNAL"].map((answer) => firestore(answer, true)),
];
const ENQUEUE_FAILURES = [
  ...["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "CANCELLED"].map((answer) =>
    tasks(answer, false),
  ),
  ...["lost", "DEADLINE_EXCEEDED"].map((answer) => tasks(answer, true)),
];

function objectFailures(method: string): readonly CallFailure[] {
  const failure = storage(method);
  const refused = [408, 429, 500, 502, 503, 504, "lost" as const].map((answer) => failure(answer, false));
  return [...refused, failure(503, true), failure("lost", true)];
}

/** @param point such as `coordinator before close-round` or `api after answer /v1/runs`. */
export function faultsOf(point: string): readonly Fault[] {
  const [, moment, ...words] = point.split(" ");
  const step = words.join(" ");
  if (step.startsWith("answer ")) {
    return moment === "before" ? ["kill", "freeze", "twice", "again", "lost"] : ["kill", "freeze"];
  }
  const struck: readonly Fault[] = ["kill", "freeze", "twice", "again"];
  return moment === "before" ? [...struck, ...callFailures(step)] : struck;
}

function callFailures(step: string): readonly CallFailure[] {
  if (step.startsWith("enqueue ")) return ENQUEUE_FAILURES;
  if (step.startsWith("call ")) return []; // Of another function, whose answer has faults of its own.
  if (step === "upload") return objectFailures("PUT");
  if (step === "remove-update") return objectFailures("DELETE");
  if (step.startsWith("write-")) return objectFailures("POST");
  return COMMIT_FAILURES;
}
