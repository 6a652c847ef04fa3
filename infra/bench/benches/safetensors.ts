// The safetensors codec: how fast a model's weights become a file, and a file weights that are checked.

import { encodeUpdate, readUpdate } from "../../../shared/core/methods/update/update.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../shared/core/updates/safetensors.ts";
import { tensorsOf, type Weights, weightsOf } from "../../../shared/core/updates/weights.ts";
import type { Bench } from "../bench.ts";
import { gigabytesPerSecond, medianMs } from "../timing.ts";

const TENSORS = 20;
const VALUES_PER_TENSOR = 500_000;
const REPEATS = 9;
const MODEL = Array.from({ length: TENSORS }, (_, k) => ({ name: `layer${k}`, shape: [VALUES_PER_TENSOR] }));

export const safetensors: Bench = {
  name: "safetensors",
  about: "encode, decode and check a file of 10 million float32 values",
  async run() {
    const weights: Weights = MODEL.map(({ name, shape }) => ({
      name,
      shape,
      values: Float32Array.from({ length: VALUES_PER_TENSOR }, (_, i) => Math.sin(i)),
    }));
    const file = encodeSafetensors(tensorsOf(weights));
    const update = encodeUpdate(weights, { encoding: "f32", baseVersion: 1 });
    const expected = { model: MODEL, encoding: "f32", baseVersion: 1, sha256: "" } as const;
    const copy = new Uint8Array(file.byteLength);
    const ms = await medianMs(
      {
        copy: () => copy.set(file),
        encode: () => {
          encodeSafetensors(tensorsOf(weights));
        },
        decode: () => {
          weightsOf(decodeSafetensors(file).tensors, MODEL);
        },
        check: () => {
          readUpdate(update, "", expected);
        },
      },
      REPEATS,
    );
    const speed = (of: number) => gigabytesPerSecond(file.byteLength, of);
    return [
      { name: "copy", value: speed(ms.copy), unit: "GB/s", note: "into memory that is there" },
      { name: "encode", value: speed(ms.encode), unit: "GB/s", note: "into new memory" },
      {
        name: "decode",
        value: ms.decode,
        unit: "ms",
        note: "40 MB: the values are views, nothing is copied",
      },
      {
        name: "decode and check",
        value: speed(ms.check),
        unit: "GB/s",
        note: "every value finite, norm of the whole",
      },
    ];
  },
};
