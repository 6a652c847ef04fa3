// What a client is to train in an invocation, derived from the run's spec and the invocation's document
// alone, so that every function and the simulator derive the same.
import { FlError } from "../../errors.ts";
import type { Invocation } from "../../schemas/invocation.ts";
import { type Covers, coveredShape } from "../../updates/covers.ts";
import type { ModelShape } from "../../updates/weights.ts";
import type { TrainingOptions } from "./options.ts";
import { trainingOf } from "./trainingOf.ts";

/**
 * The parts of the parameters that an invocation's update has; undefined where it has all.
 *
 * @throws FlError("internal") for parts that the model does not have: the method is wrong, not the client.
 */
export function coversOf(
  { training, seed }: { readonly training: TrainingOptions; readonly seed: number },
  model: ModelShape,
  invocation: Pick<Invocation, "clientId" | "round" | "maxSamples" | "capacity">,
): Covers | undefined {
  const { clientId, round, maxSamples: samples, capacity } = invocation;
  const { memoryMib, vcpu } = capacity;
  const card = { clientId, samples, memoryMib, vcpu };
  const covers = trainingOf(training).assign?.(card, { round, seed, model }, training).covers;
  if (covers === undefined) return undefined;
  try {
    coveredShape(model, covers);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `training.method ${training.method} assigns ${clientId} what it cannot train: ${why}`;
    throw new FlError("internal", message, { cause });
  }
  return covers;
}
