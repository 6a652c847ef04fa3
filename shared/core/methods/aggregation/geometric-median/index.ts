// The geometric median by the smoothed Weiszfeld algorithm (Pillutla, Kakade & Harchaoui 2022, algorithm 2),
// on distances alone.
import type { WeightsAggregation } from "../aggregationMethod.ts";
import { type Gram, squaredDistance, squaredDistancesFrom } from "../gram.ts";
import { leastWith, robustBehaviour } from "../robust.ts";
import { lowerMedian, normalised, sharesOf } from "../shares.ts";
import type { GeometricMedianOptions } from "./face.ts";

export const behaviour: WeightsAggregation<GeometricMedianOptions> = {
  access: "weights",
  elementwise: false,
  ...robustBehaviour<GeometricMedianOptions>(leastWith),
  prepare: (contributions, gram, options) => ({
    weights: medianWeights(gram, sharesOf(contributions, options.maxMalicious), options),
  }),
};

/**
 * The weights of the geometric median, summing to 1.
 *
 * @param shares what each counts for, summing to 1.
 * @param options tolerance and smoothing as shares of the usual distance between neighbours.
 */
export function medianWeights(
  gram: Gram,
  shares: readonly number[],
  {
    iterations,
    tolerance,
    smoothing,
  }: Pick<GeometricMedianOptions, "iterations" | "tolerance" | "smoothing">,
): readonly number[] {
  const scale = usualDistance(gram);
  const options = { iterations, tolerance: tolerance * scale, least: smoothing * scale };
  return weiszfeld(gram, shares, shares, options);
}

/**
 * The weights w, summing to 1, of z = sum_i w_i x_i that is near the point of the least sum_i a_i ‖x_i − z‖:
 * w_i ∝ a_i / max(least, ‖z − x_i‖), over and over. O(n²) a step.
 *
 * @param start the weights of the point to begin from, summing to 1.
 * @param shares a_i, at least 0, not all 0.
 * @param options.tolerance it ends once a step moves z by less; 0: it takes all `iterations`.
 */
export function weiszfeld(
  gram: Gram,
  start: readonly number[],
  shares: readonly number[],
  { iterations, tolerance, least }: { iterations: number; tolerance: number; least: number },
): readonly number[] {
  let weights = start;
  for (let step = 0; step < iterations; step++) {
    const before = weights;
    // Where all of them lie at one point, `least` may be 0 as well.
    weights = normalised(
      squaredDistancesFrom(before, gram).map(
        (square, i) => (shares[i] ?? 0) / Math.max(least, Math.sqrt(square), Number.MIN_VALUE),
      ),
    );
    if (moved(before, weights, gram) < tolerance) break;
  }
  return weights;
}

/** How far the weighted mean moves from one set of weights to another. */
function moved(from: readonly number[], to: readonly number[], gram: Gram): number {
  const change = to.map((weight, i) => weight - (from[i] ?? 0));
  const square = change.reduce(
    (sum, a, i) => sum + a * change.reduce((inner, b, j) => inner + b * gram.at(i, j), 0),
    0,
  );
  return Math.sqrt(Math.max(0, square));
}

/**
 * The median of the updates' distances to their nearest: a minority that lies far away does not change it.
 */
function usualDistance(gram: Gram): number {
  const nearest = Array.from({ length: gram.size }, (_, i) => {
    let least = Number.POSITIVE_INFINITY;
    for (let j = 0; j < gram.size; j++) if (j !== i) least = Math.min(least, squaredDistance(gram, i, j));
    return Math.sqrt(least);
  });
  const median = lowerMedian(nearest);
  return Number.isFinite(median) ? median : 0;
}
