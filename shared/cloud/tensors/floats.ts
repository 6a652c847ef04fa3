// Values of every safetensors dtype as float32, converted piece by piece, so that a file is never in memory
// as a whole.
import type { Dtype } from "../../core/updates/safetensors.ts";
import { itemBytes } from "../../core/updates/safetensors.ts";

/** Bytes that are converted at a time: a multiple of every item's size. */
const PIECE_BYTES = 2 ** 18;

/** What a typed array of numbers has in common with every other. */
interface Numbers {
  readonly [index: number]: number;
}

/**
 * Takes the bytes of one tensor in pieces, cut anywhere, and keeps their values, divided by `divisor`.
 * Little-endian, as all machines that run Node 24 are. Each value is rounded to float32 once.
 */
export class FloatSink {
  readonly values: Float32Array<ArrayBuffer>;
  readonly #dtype: Dtype;
  readonly #divisor: number;
  readonly #piece = new ArrayBuffer(PIECE_BYTES);
  readonly #bytes = new Uint8Array(this.#piece);
  /** The values of a piece, of types that no typed array is of. */
  readonly #wide: Float64Array;
  #pendingBytes = 0;
  #filled = 0;

  /** @throws RangeError when there is no memory for `count` values. */
  constructor(dtype: Dtype, count: number, divisor: number) {
    this.values = new Float32Array(count);
    this.#dtype = dtype;
    this.#wide = new Float64Array(PIECE_BYTES / itemBytes[dtype]);
    this.#divisor = divisor;
  }

  /** @param bytes those that follow the ones before; never more than the tensor has. */
  push(bytes: Uint8Array): void {
    const width = itemBytes[this.#dtype];
    for (let at = 0; at < bytes.byteLength; ) {
      const taken = Math.min(bytes.byteLength - at, PIECE_BYTES - this.#pendingBytes);
      this.#bytes.set(bytes.subarray(at, at + taken), this.#pendingBytes);
      at += taken;
      const pending = this.#pendingBytes + taken;
      const count = Math.floor(pending / width);
      this.#convert(count);
      this.#bytes.copyWithin(0, count * width, pending);
      this.#pendingBytes = pending - count * width;
    }
  }

  #convert(count: number): void {
    const numbers = this.#numbers(count);
    const { values } = this;
    const [divisor, start] = [this.#divisor, this.#filled];
    for (let i = 0; i < count; i++) values[start + i] = (numbers[i] ?? Number.NaN) / divisor;
    this.#filled += count;
  }

  /** The first `count` values of the piece. */
  #numbers(count: number): Numbers {
    const piece = this.#piece;
    switch (this.#dtype) {
      case "U8":
        return this.#bytes;
      case "I8":
        return new Int8Array(piece);
      case "U16":
        return new Uint16Array(piece);
      case "I16":
        return new Int16Array(piece);
      case "U32":
        return new Uint32Array(piece);
      case "I32":
        return new Int32Array(piece);
      case "F32":
        return new Float32Array(piece);
      case "F64":
        return new Float64Array(piece);
      case "BOOL":
        return this.#widened(count, (i) => (this.#bytes[i] === 0 ? 0 : 1));
      case "F16": {
        const halves = new Uint16Array(piece);
        return this.#widened(count, (i) => fromHalf(halves[i] ?? 0));
      }
      case "BF16": {
        const halves = new Uint16Array(piece);
        const bits = new Uint32Array(1);
        const float = new Float32Array(bits.buffer);
        return this.#widened(count, (i) => {
          bits[0] = (halves[i] ?? 0) << 16;
          return float[0] ?? Number.NaN;
        });
      }
      case "I64":
      case "U64": {
        const low = new Uint32Array(piece);
        const high = this.#dtype === "I64" ? new Int32Array(piece) : low;
        return this.#widened(count, (i) => (high[2 * i + 1] ?? 0) * 2 ** 32 + (low[2 * i] ?? 0));
      }
    }
  }

  #widened(count: number, valueAt: (i: number) => number): Numbers {
    for (let i = 0; i < count; i++) this.#wide[i] = valueAt(i);
    return this.#wide;
  }
}

/** The value of an IEEE 754 binary16 (1 sign bit, 5 of exponent, 10 of fraction). */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}
