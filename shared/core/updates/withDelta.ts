// What an update makes of the weights that it is measured from.
import type { ModelShape, Weights } from "./weights.ts";

/**
 * The weights with an update added, in memory of their own: base + delta for a trained parameter, the
 * update's value for a statistic. What the update does not hold stays as it is. O(parameters).
 *
 * @param base with the names and shapes of `model`; not written to, and not shared.
 * @param delta whole, checked against the same model.
 */
export function withDelta(base: Weights, delta: Weights, model: ModelShape): Weights {
  const moved = new Map(delta.map(({ name, values }) => [name, values]));
  const roles = new Map(model.map(({ name, role }) => [name, role]));
  return base.map((weight) => {
    const values = weight.values.slice();
    const change = moved.get(weight.name);
    if (change === undefined) return { ...weight, values };
    if (roles.get(weight.name) === "statistic") values.set(change);
    else for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) + (change[i] ?? 0);
    return { ...weight, values };
  });
}
