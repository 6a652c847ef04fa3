// Running weighted sums of float32 values, as every averaging aggregator needs them.

/**
 * Sums in float64, 8 bytes each. A value times its weight is rounded once, its addition once more; so after n
 * additions a sum is off by at most (n + 1) 2^-53 times the sum of the absolute products, to first order.
 * Divided by the weights' total and added to a float32 model, that stays below the model's own rounding for
 * any number of updates in reach. Same additions in the same order: same bytes, whichever implementation.
 */
export interface Sums {
  /**
   * Memory to put values in, `sizeBytes` long, at a multiple of eight. Values that lie in it are added where
   * they are; others are copied block by block. The next call ends the use of what an earlier one gave.
   */
  room(sizeBytes: number): Uint8Array<ArrayBuffer>;
  /**
   * sums[start + i] += weight * values[i]. Throws RangeError, with the sums unchanged, beyond the last sum.
   */
  add(start: number, values: Float32Array, weight: number): void;
  /** `length` sums from `start`: a view until the next `room`. Throws RangeError beyond the last sum. */
  view(start: number, length: number): Float64Array;
}

/** Throws RangeError unless `start` to `start + length` lies within `count` sums. */
export function checkRange(start: number, length: number, count: number): void {
  if (start >= 0 && start + length <= count) return;
  throw new RangeError(`There are ${count} sums, not ${length} from ${start}.`);
}
