// The seam of update methods: what happens to an update between a client's training and the sum that it
// joins.
import type { Random } from "../../random.ts";
import type { Dtype, Tensor } from "../../updates/safetensors.ts";
import { type ModelShape, orderWeights, type TensorShape, type Weights } from "../../updates/weights.ts";

export interface TensorLayout extends TensorShape {
  readonly dtype: Dtype;
}

/** How the values of an update are written into tensors; the container is always safetensors. */
export interface Encoding {
  /**
   * The tensors that stand for this delta. May share its memory.
   *
   * @param model says which of its tensors are statistics; all are deltas where it does not have them.
   * @param random for an encoding that rounds by chance, which throws `invalid-argument` without.
   */
  encode(delta: Weights, model: ModelShape, random?: Random): Tensor[];
  /**
   * The tensors that `encode` makes for a model of this shape, in no particular order: one of its name for
   * each parameter.
   */
  layout(model: ModelShape): TensorLayout[];
  /**
   * The values of a parameter's tensor, or of a run of its elements; may share its memory.
   *
   * @param side the tensors that have no parameter's name.
   * @param names of all parameters that updates hold, ascending.
   */
  values(tensor: Tensor, side: readonly Tensor[], names: readonly string[]): Float32Array;
}

/** Whether a tensor holds values rather than a delta; such are few, and sent as they are. */
export function isStatistic(model: ModelShape): (name: string) => boolean {
  const statistics = new Set(model.flatMap(({ name, role }) => (role === "statistic" ? [name] : [])));
  return (name) => statistics.has(name);
}

/**
 * The delta in the order of `model`, from tensors that follow the encoding's layout; throws
 * `invalid-argument` otherwise.
 */
export function decodeDelta(encoding: Encoding, tensors: readonly Tensor[], model: ModelShape): Weights {
  const names = new Set(model.map(({ name }) => name));
  const ordered = [...names].sort();
  const expected = new Set(encoding.layout(model).map(({ name }) => name));
  const side = tensors.filter(({ name }) => !names.has(name) && expected.has(name));
  const weights = tensors
    .filter(({ name }) => names.has(name) || !expected.has(name))
    .map((tensor) => ({
      name: tensor.name,
      shape: tensor.shape,
      values: encoding.values(tensor, side, ordered),
    }));
  return orderWeights(weights, model);
}

/** An update whose norm is above a bound is scaled down, or refused. */
export interface Bound<Options> {
  /** The largest norm that is not refused; infinite where none is. */
  most(options: Options): number;
  /** In (0, 1]: what every value of a delta of this norm is multiplied by. */
  scale(norm: number, options: Options): number;
}

/** What happens to deltas beside their encoding, on either side. */
export interface Transform<Options> {
  /**
   * Changes the trained parameters of a client's delta in place, before it is encoded. The same delta and
   * draws give the same values.
   */
  client?(delta: Weights, options: Options, random: Random): void;
  /**
   * Changes values of the aggregate of deltas in place, before the server's step. Element by element: it is
   * called for any run of them.
   */
  server?(values: Float64Array, options: Options): void;
}

export interface UpdateMethod<Options = never> {
  readonly encoding?: Encoding;
  readonly bound?: Bound<Options>;
  readonly transform?: Transform<Options>;
}
