// What an update says: how training has moved the weights, and what it has measured.
import { type ModelShape, orderWeights, sentParameters, type Weights } from "./weights.ts";

/**
 * What the parameters of `model` contribute after training, as float32 and in their order: local - base for a
 * trained one, local for a statistic, nothing for a frozen one. Written over the values of `local`, which are
 * of no use any more: a second copy of a large model is what a small instance has no room for. O(parameters).
 * Throws `invalid-argument`, and writes nothing, unless both have the names and shapes of `model`.
 */
export function turnIntoDelta(local: Weights, base: Weights, model: ModelShape = base): Weights {
  const trained = new Map(orderWeights(local, model).map((weight) => [weight.name, weight]));
  const before = new Map(orderWeights(base, model).map((weight) => [weight.name, weight]));
  return sentParameters(model).flatMap(({ name, role }) => {
    const weight = trained.get(name);
    if (weight === undefined) return [];
    if (role === "statistic") return [weight];
    const { values } = weight;
    const from = before.get(name)?.values ?? values;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) - (from[i] ?? 0);
    return [weight];
  });
}
