// Every value in 16 bits (IEEE 754 binary16), rounded to the nearest: half the bytes, three decimal digits.
import { asFloat32, floatTensor, itemBytes } from "../../../updates/safetensors.ts";
import { isStatistic, type UpdateMethod } from "../updateMethod.ts";

/** The largest finite value; what is beyond is sent as this. */
const LARGEST = 65_504;

export const behaviour: UpdateMethod = {
  encoding: {
    encode: (delta, model) => {
      const isKept = isStatistic(model);
      return delta.map(({ name, shape, values }) => {
        if (isKept(name)) return floatTensor(name, shape, values);
        const data = new Uint8Array(values.length * itemBytes.F16);
        const view = new DataView(data.buffer);
        for (let i = 0; i < values.length; i++) {
          view.setFloat16(i * itemBytes.F16, within(values[i] ?? 0), true);
        }
        return { name, dtype: "F16", shape, data };
      });
    },
    layout: (model) =>
      model.map(({ name, shape, role }) => ({ name, shape, dtype: role === "statistic" ? "F32" : "F16" })),
    values(tensor) {
      if (tensor.dtype !== "F16") return asFloat32(tensor);
      const { data } = tensor;
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      const values = new Float32Array(data.byteLength / itemBytes.F16);
      for (let i = 0; i < values.length; i++) values[i] = view.getFloat16(i * itemBytes.F16, true);
      return values;
    },
  },
};

/** What is not a number stays NaN, so that the update is refused rather than changed. */
function within(value: number): number {
  return Number.isFinite(value) ? Math.min(LARGEST, Math.max(-LARGEST, value)) : value;
}
