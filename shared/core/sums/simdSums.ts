// Weighted sums in WebAssembly with 128-bit vectors, twice as fast as JavaScript and more: see kernel.wat.
import { kernelBase64 } from "./kernelBytes.ts";
import { checkRange, type Sums } from "./sums.ts";

/** What is used of WebAssembly, which TypeScript describes only together with a browser. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => Memory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly add: Add } };
};
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
type Add = (sumAddress: number, valueAddress: number, count: number, weight: number) => void;

const pageBytes = 65_536;
/** One page below 4 GiB, so that no address of an end wraps around. */
const maxPages = 65_535;
/** Values that lie elsewhere come through here: few enough to stay in the processor's nearest cache. */
const stageValues = 2_048;

/** Null where there are no vectors, or no memory for so many sums in one piece. */
export function simdSums(count: number): Sums | null {
  const stageAt = count * Float64Array.BYTES_PER_ELEMENT;
  const roomAt = stageAt + stageValues * Float32Array.BYTES_PER_ELEMENT;
  const kernel = instantiate(roomAt);
  if (kernel === null) return null;
  const { memory, add } = kernel;

  return {
    room(sizeBytes) {
      const missingPages = Math.ceil((roomAt + sizeBytes - memory.buffer.byteLength) / pageBytes);
      if (memory.buffer.byteLength / pageBytes + missingPages > maxPages) return new Uint8Array(sizeBytes);
      if (missingPages > 0) memory.grow(missingPages);
      return new Uint8Array(memory.buffer, roomAt, sizeBytes);
    },
    add(start, values, weight) {
      checkRange(start, values.length, count);
      const sumAt = start * Float64Array.BYTES_PER_ELEMENT;
      if (values.buffer === memory.buffer) {
        add(sumAt, values.byteOffset, values.length, weight);
        return;
      }
      const stage = new Float32Array(memory.buffer, stageAt, stageValues);
      for (let i = 0; i < values.length; i += stageValues) {
        const block = values.subarray(i, i + stageValues);
        stage.set(block);
        add(sumAt + i * Float64Array.BYTES_PER_ELEMENT, stageAt, block.length, weight);
      }
    },
    view(start, length) {
      checkRange(start, length, count);
      return new Float64Array(memory.buffer, start * Float64Array.BYTES_PER_ELEMENT, length);
    },
  };
}

let compiled: object | undefined;

function instantiate(sizeBytes: number): { readonly memory: Memory; readonly add: Add } | null {
  try {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(kernelBase64), (byte) => byte.charCodeAt(0)));
    const memory = new WebAssembly.Memory({ initial: Math.ceil(sizeBytes / pageBytes), maximum: maxPages });
    return { memory, add: new WebAssembly.Instance(compiled, { env: { memory } }).exports.add };
  } catch {
    return null; // No WebAssembly, no vectors in it, or too much memory: the portable sums do the same.
  }
}
