// Reports to listeners in this process that a durable step is about to be taken or has been taken. Nothing
// listens in production; the tests do, to kill a function exactly there.
import { channel } from "node:diagnostics_channel";
import type { Step } from "../core/steps.ts";

export type Moment = "before" | "after";

/** What is published: a step of the protocol, or `answer` and the path of a call that is being answered. */
export interface StepMessage {
  readonly step: Step | `answer ${string}`;
  readonly moment: Moment;
}

const steps = channel("fedstratus:step");

export function emitStep(step: StepMessage["step"], moment: Moment): void {
  if (steps.hasSubscribers) steps.publish({ step, moment } satisfies StepMessage);
}

/** Takes a step and reports it; work that is not a protocol step is only done. */
export async function step<T>(name: Step | undefined, take: () => Promise<T>): Promise<T> {
  if (name === undefined) return take();
  emitStep(name, "before");
  const result = await take();
  emitStep(name, "after");
  return result;
}
