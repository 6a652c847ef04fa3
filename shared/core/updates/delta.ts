// What an update says: how training has moved the weights.
import { orderWeights, type Weights } from "./weights.ts";

/**
 * local - base for every value, as float32, in the order of `base`. Written over the values of `local`, which are of no use
 * any more: a second copy of a large model is what a small instance has no room for. O(parameters).
 * Throws `invalid-argument`, and writes nothing, unless both have the same names and shapes.
 */
export function turnIntoDelta(local: Weights, base: Weights): Weights {
  const ordered = orderWeights(local, base);
  for (const [k, { values }] of ordered.entries()) {
    const from = base[k]?.values ?? values;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) - (from[i] ?? 0);
  }
  return ordered;
}
