// Centred clipping (Karimireddy, He & Jaggi 2021, equation 5): v ← v + sum_i a_i (x_i − v) min(1, τ / ‖x_i −
// v‖), from the v of the last round, on distances alone.
import type { WeightsAggregation } from "../aggregationMethod.ts";
import { type Gram, squaredDistancesFrom } from "../gram.ts";
import { leastWith, robustBehaviour } from "../robust.ts";
import { lowerMedian, sharesOf } from "../shares.ts";
import type { CenteredClippingOptions } from "./face.ts";

export const behaviour: WeightsAggregation<CenteredClippingOptions> = {
  access: "weights",
  elementwise: false,
  centre: "centre",
  server: { state: ["centre"], keepsAggregate: "centre" },
  ...robustBehaviour<CenteredClippingOptions>(leastWith),
  prepare(contributions, gram, options) {
    const weights = clippedWeights(gram, sharesOf(contributions, options.maxMalicious), options);
    return { weights: weights.slice(0, -1), centreWeight: weights.at(-1) ?? 0 };
  },
};

/**
 * The weights of the updates, and of the centre that it begins from as the last: they sum to 1. O(n²) an
 * iteration.
 *
 * @param gram of the updates, and of the centre as the last. @param shares a_i, summing to 1.
 */
export function clippedWeights(
  gram: Gram,
  shares: readonly number[],
  { tau, iterations }: Pick<CenteredClippingOptions, "tau" | "iterations">,
): readonly number[] {
  let weights: readonly number[] = [...shares.map(() => 0), 1];
  for (let step = 0; step < iterations; step++) {
    const distances = squaredDistancesFrom(weights, gram).slice(0, -1).map(Math.sqrt);
    const most = tau ?? lowerMedian(distances);
    const towards = shares.map((share, i) => {
      const distance = distances[i] ?? 0;
      return distance > most ? (share * most) / distance : share;
    });
    const stays = Math.max(0, 1 - towards.reduce((sum, part) => sum + part, 0));
    weights = weights.map((weight, i) => stays * weight + (towards[i] ?? 0));
  }
  return weights;
}
