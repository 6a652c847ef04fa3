// The Gram matrix of updates: all that distances between them, and between their weighted means, need of
// their values.

/**
 * n × n, symmetric. Of the updates as they are: less one of them, all others would have the rounding of what
 * that one holds. Values of 32 bits lose nothing to what they have in common in sums of 64.
 */
export interface Gram {
  readonly size: number;
  /** sum_k x_ik x_jk. */
  at(i: number, j: number): number;
}

/** The squares of the norms, for methods that ask for no product of two updates. */
export function gramOfNorms(norms: readonly number[]): Gram {
  return { size: norms.length, at: (i, j) => (i === j ? (norms[i] ?? 0) ** 2 : Number.NaN) };
}

/**
 * Coordinates whose products are summed before they join the others: results do not depend on how long blocks
 * are.
 */
export const GRAM_CHUNK = 4_096;

/** Adds blocks of coordinates to a Gram matrix. O(n² × coordinates); n² sums. */
export class GramSums implements Gram {
  readonly size: number;
  readonly #sums: Float64Array;
  readonly #scaled: Float64Array[];

  constructor(size: number) {
    this.size = size;
    this.#sums = new Float64Array(size * size);
    this.#scaled = Array.from({ length: size }, () => new Float64Array(GRAM_CHUNK));
  }

  at(i: number, j: number): number {
    return this.#sums[i >= j ? i * this.size + j : j * this.size + i] ?? 0;
  }

  /**
   * Adds coordinates `begin` to `end` of these rows, in chunks from `begin` on: where blocks begin at
   * multiples of `GRAM_CHUNK`, any lengths of theirs that are multiples of it give the same sums.
   *
   * @param scales what the rows' values are multiplied by.
   */
  add(rows: readonly Float32Array[], scales: readonly number[], begin: number, end: number): void {
    for (let start = begin; start < end; start += GRAM_CHUNK) {
      this.#addChunk(rows, scales, start, Math.min(end, start + GRAM_CHUNK));
    }
  }

  #addChunk(rows: readonly Float32Array[], scales: readonly number[], begin: number, end: number): void {
    const length = end - begin;
    for (const [i, row] of rows.entries()) {
      const into = this.#scaled[i];
      const scale = scales[i] ?? 1;
      if (into === undefined) continue;
      for (let k = 0; k < length; k++) into[k] = scale * (row[begin + k] ?? 0);
    }
    for (let i = 0; i < this.size; i++) {
      const a = this.#scaled[i];
      if (a === undefined) continue;
      for (let j = 0; j <= i; j++) {
        const b = this.#scaled[j];
        if (b === undefined) continue;
        let sum = 0;
        for (let k = 0; k < length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0);
        const at = i * this.size + j;
        this.#sums[at] = (this.#sums[at] ?? 0) + sum;
      }
    }
  }
}

/** ‖x_i − x_j‖², at least 0. */
export function squaredDistance(gram: Gram, i: number, j: number): number {
  return Math.max(0, gram.at(i, i) + gram.at(j, j) - 2 * gram.at(i, j));
}

/**
 * ‖z − x_j‖² for every j, where z = sum_i w_i x_i, at least 0. O(n²).
 *
 * @param weights that sum to 1.
 */
export function squaredDistancesFrom(weights: readonly number[], gram: Gram): readonly number[] {
  const products = weights.map((_, j) => weights.reduce((sum, weight, i) => sum + weight * gram.at(i, j), 0));
  const square = weights.reduce((sum, weight, j) => sum + weight * (products[j] ?? 0), 0);
  return weights.map((_, j) => Math.max(0, square - 2 * (products[j] ?? 0) + gram.at(j, j)));
}
