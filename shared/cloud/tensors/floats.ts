// Values of every safetensors dtype as float32, converted piece by piece, so that a file is never in memory
// as a whole. Each type has a loop of its own: one loop for all is several times slower in V8.
import type { Dtype } from "../../core/updates/safetensors.ts";
import { itemBytes } from "../../core/updates/safetensors.ts";

/** Bytes that are converted at a time: a multiple of every item's size. */
const PIECE_BYTES = 2 ** 18;

/** Converts the first `count` items of a piece into `values`, from `start` on. */
type Convert = (count: number, values: Float32Array, start: number) => void;

/**
 * Takes the bytes of one tensor in pieces, cut anywhere, and keeps their values, divided by `divisor`.
 * Little-endian, as all machines that run Node 24 are. Each value is rounded to float32 once.
 */
export class FloatSink {
  readonly values: Float32Array<ArrayBuffer>;
  readonly #width: number;
  readonly #bytes = new Uint8Array(PIECE_BYTES);
  readonly #convert: Convert;
  #pendingBytes = 0;
  #filled = 0;

  /** @throws RangeError when there is no memory for `count` values. */
  constructor(dtype: Dtype, count: number, divisor: number) {
    this.values = new Float32Array(count);
    this.#width = itemBytes[dtype];
    this.#convert = converterOf(dtype, this.#bytes.buffer, divisor);
  }

  /** @param bytes those that follow the ones before; never more than the tensor has. */
  push(bytes: Uint8Array): void {
    const width = this.#width;
    for (let at = 0; at < bytes.byteLength; ) {
      const taken = Math.min(bytes.byteLength - at, PIECE_BYTES - this.#pendingBytes);
      this.#bytes.set(bytes.subarray(at, at + taken), this.#pendingBytes);
      at += taken;
      const pending = this.#pendingBytes + taken;
      const count = Math.floor(pending / width);
      this.#convert(count, this.values, this.#filled);
      this.#filled += count;
      if (pending > count * width) this.#bytes.copyWithin(0, count * width, pending);
      this.#pendingBytes = pending - count * width;
    }
  }
}

function converterOf(dtype: Dtype, piece: ArrayBuffer, by: number): Convert {
  switch (dtype) {
    case "BOOL": {
      const from = new Uint8Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] === 0 ? 0 : 1) / by;
      };
    }
    case "U8": {
      const from = new Uint8Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
    case "I8": {
      const from = new Int8Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
    case "U16": {
      const from = new Uint16Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
    case "I16": {
      const from = new Int16Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
    case "U32": {
      const from = new Uint32Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
    case "I32": {
      const from = new Int32Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
    case "U64":
    case "I64": {
      const low = new Uint32Array(piece);
      const high = dtype === "I64" ? new Int32Array(piece) : low;
      return (count, to, start) => {
        for (let i = 0; i < count; i++) {
          to[start + i] = ((high[2 * i + 1] ?? 0) * 4_294_967_296 + (low[2 * i] ?? 0)) / by;
        }
      };
    }
    case "F16": {
      const [from, halves] = [new Uint16Array(piece), halfTable()];
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (halves[from[i] ?? 0] ?? 0) / by;
      };
    }
    case "BF16": {
      // The upper half of a float32.
      const from = new Uint16Array(piece);
      const bits = new Uint32Array(PIECE_BYTES / itemBytes.BF16);
      const floats = new Float32Array(bits.buffer);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) bits[i] = (from[i] ?? 0) << 16;
        for (let i = 0; i < count; i++) to[start + i] = (floats[i] ?? 0) / by;
      };
    }
    case "F32": {
      const from = new Float32Array(piece);
      if (by === 1) return (count, to, start) => to.set(from.subarray(0, count), start);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
    case "F64": {
      const from = new Float64Array(piece);
      return (count, to, start) => {
        for (let i = 0; i < count; i++) to[start + i] = (from[i] ?? 0) / by;
      };
    }
  }
}

/** The values of all halves, IEEE 754 binary16 (1 sign bit, 5 of exponent, 10 of fraction), by their bits. */
let halves: Float32Array | undefined;

function halfTable(): Float32Array {
  if (halves !== undefined) return halves;
  halves = new Float32Array(2 ** 16);
  for (let bits = 0; bits < halves.length; bits++) halves[bits] = fromHalf(bits);
  return halves;
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}
