// Which rows of a client's data are its validation share: those whose hash is below the share. A row is
// recognised by its values, so that it stays on its side wherever it lies: when rows are appended, moved to
// another file or format, and whether the data are in memory or read again as a stream.
import { finished, withBlock } from "../murmur3.ts";

/** Rows as float32, row-major: of each, its features and then its target. */
export interface RowValues {
  readonly count: number;
  readonly x: Float32Array;
  readonly y: Float32Array;
}

const HASHES = 2 ** 32;

/** Of the seed, as two integers before a row's values. */
const SEED_WORDS = 2;

const BYTES_PER_WORD = 4;

/**
 * A hash of each row, in 0..2^32-1: MurmurHash3 (x86, 32 bits, seed 0) of the run's seed as an unsigned
 * little-endian integer of 64 bits, the values of x and those of y, as little-endian float32. In Python:
 * `mmh3.hash(struct.pack("<Q", seed) + x.tobytes() + y.tobytes(), 0, signed=False)`.
 *
 * O(values).
 */
export function rowHashes({ count, x, y }: RowValues, seed: number): Uint32Array {
  const [xWords, yWords] = [wordsOf(x), wordsOf(y)];
  const [xSize, ySize] = [count === 0 ? 0 : x.length / count, count === 0 ? 0 : y.length / count];
  const start = withBlock(withBlock(0, (seed % HASHES) | 0), Math.floor(seed / HASHES) | 0);
  const bytes = (SEED_WORDS + xSize + ySize) * BYTES_PER_WORD;
  const hashes = new Uint32Array(count);
  for (let row = 0; row < count; row++) {
    let hash = start;
    for (let i = row * xSize; i < (row + 1) * xSize; i++) hash = withBlock(hash, xWords[i] ?? 0);
    for (let i = row * ySize; i < (row + 1) * ySize; i++) hash = withBlock(hash, yWords[i] ?? 0);
    hashes[row] = finished(hash, bytes);
  }
  return hashes;
}

/** The bits of the values, which are in the machine's order: little-endian, as everywhere that Node runs. */
function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Where the validation share ends. */
export interface ValidationCut {
  /** Rows whose hash is below it are validated on, the others trained on. */
  readonly below: number;
  readonly validationRows: number;
  readonly trainingRows: number;
}

/** Why nothing can be kept apart. */
export type NoShare = "too-few-rows" | "rows-alike";

/** Finds the cut from the hashes of all rows, in any order and any number of parts. Takes no memory. */
export class ShareCounter {
  readonly #nominal: number;
  #count = 0;
  #below = 0;
  #least = HASHES;
  #leastCount = 0;
  #most = -1;
  #mostCount = 0;

  /** @param share of the rows, between 0 and 1. */
  constructor(share: number) {
    this.#nominal = Math.floor(share * HASHES);
  }

  add(hashes: Uint32Array): void {
    this.#count += hashes.length;
    for (const hash of hashes) {
      if (hash < this.#nominal) this.#below++;
      if (hash <= this.#least) {
        this.#leastCount = hash === this.#least ? this.#leastCount + 1 : 1;
        this.#least = hash;
      }
      if (hash >= this.#most) {
        this.#mostCount = hash === this.#most ? this.#mostCount + 1 : 1;
        this.#most = hash;
      }
    }
  }

  /**
   * The cut at the share. Where no row's hash is below it, the rows with the smallest hash are validated on;
   * where all are, those with the largest are trained on: of two rows or more that are not all alike, there
   * is one at least on each side. Rows that are alike are on the same side.
   */
  cut(): ValidationCut | NoShare {
    if (this.#count < 2) return "too-few-rows";
    if (this.#least === this.#most) return "rows-alike";
    if (this.#below === 0) return this.#cutAt(this.#least + 1, this.#leastCount);
    if (this.#below === this.#count) return this.#cutAt(this.#most, this.#count - this.#mostCount);
    return this.#cutAt(this.#nominal, this.#below);
  }

  #cutAt(below: number, validationRows: number): ValidationCut {
    return { below, validationRows, trainingRows: this.#count - validationRows };
  }
}
