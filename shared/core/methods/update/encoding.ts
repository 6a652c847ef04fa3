// How the values of an update are written into tensors. A new encoding is one object here; the container stays.
import type { Dtype, Tensor } from "../../updates/safetensors.ts";
import {
  type ModelShape,
  type TensorShape,
  tensorsOf,
  type Weights,
  weightsOf,
} from "../../updates/weights.ts";

export interface TensorLayout extends TensorShape {
  readonly dtype: Dtype;
}

export interface Encoding {
  /** The tensors that stand for this delta. May share its memory. */
  encode(delta: Weights): Tensor[];
  /** The tensors that `encode` makes for a model of this shape, in no particular order. */
  layout(model: ModelShape): TensorLayout[];
  /** The delta in the order of `model`, from tensors that follow the layout; throws `invalid-argument` otherwise. */
  decode(tensors: readonly Tensor[], model: ModelShape): Weights;
}

/** Every value as it is, in 32 bits: lossless. */
const f32: Encoding = {
  encode: tensorsOf,
  layout: (model) => model.map(({ name, shape }) => ({ name, shape, dtype: "F32" })),
  decode: weightsOf,
};

export const encodings = { f32 } satisfies Record<string, Encoding>;

export type EncodingName = keyof typeof encodings;
