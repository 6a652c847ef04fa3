// A model's weights in memory, and their way in and out of safetensors.
import { FlError } from "../errors.ts";
import { asFloat32, elementCount, floatTensor, quoteName, showShape, type Tensor } from "./safetensors.ts";

/** A tensor's name and dimensions; a scalar has the shape []. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * What training does to a parameter. trained: gradient steps move it, so updates hold how far (a delta).
 * statistic: training measures it on the data, as the moving averages of batch normalisation, so updates hold
 * its value. frozen: it never changes, and no update holds it.
 */
export type ParameterRole = "trained" | "statistic" | "frozen";

export interface ModelParameter extends TensorShape {
  /** Default `trained`. */
  readonly role?: ParameterRole | undefined;
  /** The smallest value that a statistic can have, e.g. 0 for a variance. */
  readonly min?: number | undefined;
  /** Whether each client keeps one of its own, so that no update holds it. */
  readonly local?: boolean | undefined;
}

/** The parameters of a model, in the order of the model's weights; names are unique. */
export type ModelShape = readonly ModelParameter[];

/** The parameters that an update holds. */
export function sentParameters(model: ModelShape): ModelShape {
  return model.filter(({ role, local }) => role !== "frozen" && local !== true);
}

/** Whether the model has parameters that updates hold as values. */
export function hasStatistics(model: ModelShape): boolean {
  return sentParameters(model).some(({ role }) => role === "statistic");
}

/** One tensor of a model, or of a difference between two; `values` are row-major. */
export interface Weight extends TensorShape {
  readonly values: Float32Array;
  /**
   * Of an update that has a part of the parameter only: the first index of that part on each axis, where
   * `shape` is the part's. The whole where absent.
   */
  readonly at?: readonly number[] | undefined;
}

export type Weights = readonly Weight[];

export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/**
 * The weights in the order of `model`, whatever order they come in; values are shared, not copied. Throws
 * `invalid-argument` unless the names, the shapes and the numbers of values are exactly those of the model.
 */
export function orderWeights(weights: Weights, model: ModelShape): Weights {
  const byName = new Map(weights.map((weight) => [weight.name, weight]));
  if (byName.size !== weights.length || byName.size !== model.length) {
    throw new FlError(
      "invalid-argument",
      `Expected ${model.length} different tensors, got ${weights.length}.`,
    );
  }
  return model.map(({ name, shape }) => {
    const weight = byName.get(name);
    if (weight === undefined) throw new FlError("invalid-argument", `Tensor ${quoteName(name)} is missing.`);
    if (!isSameShape(weight.shape, shape) || weight.values.length !== elementCount(shape)) {
      throw new FlError(
        "invalid-argument",
        `Tensor ${quoteName(name)} has the shape ${showShape(weight.shape)} and ${weight.values.length} values, expected ${showShape(shape)}.`,
      );
    }
    return weight;
  });
}

/** Float32 tensors on the same memory, to be encoded. */
export function tensorsOf(weights: Weights): Tensor[] {
  return weights.map(({ name, shape, values }) => floatTensor(name, shape, values));
}

/**
 * The weights in decoded tensors, in the order of `model`. Inverse of `tensorsOf`. The values may be views on
 * the tensors' bytes: do not write into them. Throws `invalid-argument` for another dtype, name or shape.
 */
export function weightsOf(tensors: readonly Tensor[], model: ModelShape): Weights {
  const weights = tensors.map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    values: asFloat32(tensor),
  }));
  return orderWeights(weights, model);
}
