// Which release of the client protocol a run needs. What is added to a grant may be passed over by a client
// that does not know it; where it must not be, the release is raised and older clients are not granted.
import { clientStateShape } from "../methods/training/clientState.ts";
import type { TrainingOptions } from "../methods/training/options.ts";
import { hooksOf, trainingOf } from "../methods/training/trainingOf.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";
import type { ModelShape } from "../updates/weights.ts";
import { groupOf } from "./teachingGroup.ts";

/**
 * What this release's clients know. 1: release 0.1. 2: methods of training beside FedProx, other losses and
 * optimizers with their schedules, encodings beside f32, parts of the parameters, what clients keep between
 * rounds, transforms of updates. 3: runs of parameters alone, whose grants have no topology. 4: training
 * methods that get what is kept beside a version, or send tensors beside the delta. 5: relays, in which a
 * client begins from the update of another. 6: codistillation, in which it learns from other runs' versions.
 */
export const CLIENT_RELEASE = 6;

/** All that release 1 knows of `training`; it passes over other keys, and refuses other values. */
const RELEASE_1 = {
  keys: ["method", "localEpochs", "batchSize", "optimizer", "loss", "proximalMu"],
  optimizerKeys: ["name", "learningRate", "momentum", "beta1", "beta2"],
  optimizers: ["sgd", "momentum", "adam"],
  losses: [
    "sparseCategoricalCrossentropy",
    "categoricalCrossentropy",
    "binaryCrossentropy",
    "meanSquaredError",
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

function isOfRelease1(training: TrainingOptions): boolean {
  const { keys, optimizerKeys, optimizers, losses } = RELEASE_1;
  const { method, optimizer, loss } = training;
  return (
    method === "fedprox" &&
    hasOnly(training, keys) &&
    hasOnly(optimizer, optimizerKeys) &&
    optimizers.some((name) => name === optimizer.name) &&
    losses.some((name) => name === loss)
  );
}

function hasOnly(options: object, keys: readonly string[]): boolean {
  return Object.entries(options).every(([key, value]) => value === undefined || keys.includes(key));
}

/** The oldest release whose clients do what the run asks of them. */
export function neededRelease(
  {
    model,
    training,
    transforms,
    encoding,
    round,
  }: Pick<StoredRunSpec, "model" | "training" | "transforms" | "encoding"> & {
    readonly round?: Pick<StoredRunSpec["round"], "relay">;
  },
  shape: ModelShape,
): number {
  if (groupOf({ training }) !== null) return 6;
  if (round?.relay !== undefined) return 5;
  const { gets = [], sends = [] } = hooksOf(training);
  if (gets.length + sends.length > 0) return 4;
  if ("parameters" in model) return 3;
  const isNew =
    !isOfRelease1(training) ||
    encoding !== "f32" ||
    transforms !== undefined ||
    trainingOf(training).assign !== undefined ||
    clientStateShape(training, shape).length > 0;
  return isNew ? 2 : 1;
}
