// What an update says: how training has moved the weights.
import { orderWeights, type Weights } from "./weights.ts";

/**
 * local - base for every value, as new float32 arrays in the order of `base`. O(parameters).
 * Throws `invalid-argument` unless both have the same names and shapes.
 */
export function deltaOf(local: Weights, base: Weights): Weights {
  const ordered = orderWeights(local, base);
  return base.map(({ name, shape, values: baseValues }, k) => {
    const localValues = ordered[k]?.values ?? baseValues;
    return { name, shape, values: localValues.map((value, i) => value - (baseValues[i] ?? 0)) };
  });
}
