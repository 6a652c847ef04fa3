// What an update says: how training has moved the weights.
import { orderWeights, type Weights } from "./weights.ts";

/**
 * local - base for every value, as new float32 arrays in the order of `base`. O(parameters).
 * Throws `invalid-argument` unless both have the same names and shapes.
 */
export function deltaOf(local: Weights, base: Weights): Weights {
  const ordered = orderWeights(local, base);
  return base.map(({ name, shape, values: from }, k) => {
    const values = Float32Array.from(ordered[k]?.values ?? []);
    for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) - (from[i] ?? 0);
    return { name, shape, values };
  });
}
