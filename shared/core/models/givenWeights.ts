// Weights that a run is to begin with, from a file of somebody's: which of its tensors is which parameter.
import { FlError } from "../errors.ts";
import type { LayersTopology } from "../schemas/model.ts";
import { type Dtype, quoteName, showShape, type TensorEntry } from "../updates/safetensors.ts";
import { isSameShape, type ModelParameter, type ModelShape } from "../updates/weights.ts";
import { matchNames } from "./kerasNames.ts";

/** A parameter of the model, and the tensor that it begins with; undefined where it is drawn. */
export interface GivenWeight {
  readonly parameter: ModelParameter;
  readonly tensor: TensorEntry | undefined;
}

/** Types that initial values may have in a file. */
export const FLOATS: ReadonlySet<Dtype> = new Set<Dtype>(["F64", "F32", "F16", "BF16"]);

/** Names that a message lists. */
const MAX_NAMES = 10;

/**
 * The tensors of a file by the parameters of a model, in the model's order. Names are the run's own, or
 * Keras' paths: see `matchNames`.
 *
 * @param partial whether the file may lack parameters, and hold tensors of none
 * @throws FlError("invalid-argument") with everything that is wrong with the file
 */
export function givenWeights(
  topology: LayersTopology,
  model: ModelShape,
  tensors: readonly TensorEntry[],
  partial: boolean,
): readonly GivenWeight[] {
  const { given, problems } = matchWeights(topology, model, tensors, partial);
  if (problems.length === 0) return given;
  const shown = problems.slice(0, MAX_NAMES);
  const rest = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : "";
  throw new FlError(
    "invalid-argument",
    `The file of model.weights does not fit the model: ${shown.join("; ")}${rest}.`,
  );
}

/** The same, with all that is wrong with the file in words; nothing where it fits. */
export function matchWeights(
  topology: LayersTopology,
  model: ModelShape,
  tensors: readonly TensorEntry[],
  partial: boolean,
): { readonly given: readonly GivenWeight[]; readonly problems: readonly string[] } {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const { found, missing, unknown } = matchNames(
    topology,
    model.map(({ name }) => name),
    [...byName.keys()],
  );
  const given = model.map((parameter) => ({
    parameter,
    tensor: byName.get(found.get(parameter.name) ?? ""),
  }));
  const problems = given.flatMap(({ parameter: { name, shape }, tensor }) => {
    if (tensor === undefined) return [];
    if (!FLOATS.has(tensor.dtype)) return [`${quoteName(tensor.name)} is ${tensor.dtype}: write it as F32`];
    if (isSameShape(tensor.shape, shape)) return [];
    return [
      `${quoteName(tensor.name)} has the shape ${showShape(tensor.shape)}, the model's ${quoteName(name)} ${showShape(shape)}`,
    ];
  });
  if (!partial && missing.length > 0) {
    problems.push(`it lacks ${listOf(missing)}, to be drawn from the seed with "partial": true`);
  }
  if (!partial && unknown.length > 0) problems.push(`the model has no ${listOf(unknown)}`);
  if (found.size === 0) problems.push(`none of its names is of the model's: ${listOf(missing)}`);
  return { given, problems };
}

/** Throws `invalid-argument` for values that no training could go on from. */
export function checkGivenValues({ name, min }: ModelParameter, values: Float32Array): void {
  const bad = values.findIndex((value) => !Number.isFinite(value) || (min !== undefined && value < min));
  if (bad === -1) return;
  const what = min === undefined ? "finite numbers" : `numbers from ${min}`;
  throw new FlError(
    "invalid-argument",
    `The file of model.weights does not fit the model: the values of ${quoteName(name)} must be ${what} as 32-bit floats, and number ${bad} of ${values.length} is not.`,
  );
}

/** Names in a message: the first of them, and how many more there are. */
export function listOf(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).map(quoteName).join(", ");
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}
