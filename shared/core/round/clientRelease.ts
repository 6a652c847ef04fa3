// Which release of the client protocol a run needs. What is added to a grant may be passed over by a client
// that does not know it; where it must not be, the release is raised and older clients are not granted.
import { clientStateShape } from "../methods/training/clientState.ts";
import { trainingOf } from "../methods/training/trainingOf.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";
import type { ModelShape } from "../updates/weights.ts";

/**
 * What this release's clients know. 1: release 0.1. 2: methods of training beside FedProx, encodings beside
 * f32, parts of the parameters, what clients keep between rounds, transforms of updates.
 */
export const CLIENT_RELEASE = 2;

/** The oldest release whose clients do what the run asks of them. */
export function neededRelease(
  { training, transforms, encoding }: Pick<StoredRunSpec, "training" | "transforms" | "encoding">,
  model: ModelShape,
): number {
  const isNew =
    training.method !== "fedprox" ||
    encoding !== "f32" ||
    transforms !== undefined ||
    trainingOf(training).assign !== undefined ||
    clientStateShape(training, model).length > 0;
  return isNew ? 2 : 1;
}
