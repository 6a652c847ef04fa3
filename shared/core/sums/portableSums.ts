// Weighted sums in plain JavaScript: for machines without WebAssembly and models too large for its memory.
import { checkRange, type Sums } from "./sums.ts";

export function portableSums(count: number): Sums {
  const sums = new Float64Array(count);
  const view = (start: number, length: number) => {
    checkRange(start, length, count);
    return sums.subarray(start, start + length);
  };
  return {
    room: (sizeBytes) => new Uint8Array(sizeBytes),
    add(start, values, weight) {
      const into = view(start, values.length);
      for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + weight * (values[i] ?? 0);
    },
    view,
  };
}
