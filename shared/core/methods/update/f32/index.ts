// Every value as it is, in 32 bits: lossless.
import { asFloat32 } from "../../../updates/safetensors.ts";
import { tensorsOf } from "../../../updates/weights.ts";
import type { UpdateMethod } from "../updateMethod.ts";

export const behaviour: UpdateMethod = {
  encoding: {
    encode: (delta) => tensorsOf(delta),
    layout: (model) => model.map(({ name, shape }) => ({ name, shape, dtype: "F32" })),
    values: (tensor) => asFloat32(tensor),
  },
};
