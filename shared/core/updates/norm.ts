// The length of an update.
import type { Weights } from "./weights.ts";

/**
 * The L2 norm over all values of these tensors together. Squares of float32 never overflow the float64 they
 * are summed in, so the norm is finite exactly if every value is. O(parameters).
 */
export function l2Norm(delta: Weights): number {
  let sumOfSquares = 0;
  for (const { values } of delta) {
    let squares = 0;
    for (let i = 0; i < values.length; i++) squares += (values[i] ?? 0) ** 2;
    sumOfSquares += squares;
  }
  return Math.sqrt(sumOfSquares);
}
