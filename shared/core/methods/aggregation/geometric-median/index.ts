// The geometric median by the smoothed Weiszfeld algorithm (Pillutla, Kakade & Harchaoui 2022, algorithm 2),
// on distances alone.
import type { Contribution, WeightsAggregation } from "../aggregationMethod.ts";
import { type Gram, squaredDistance, squaredDistancesFrom } from "../gram.ts";
import type { GeometricMedianOptions } from "./face.ts";

/** Samples are what clients claim: none weighs more than so many equal shares. */
const MOST_SHARES = 2;

export const behaviour: WeightsAggregation<GeometricMedianOptions> = {
  access: "weights",
  elementwise: false,
  leavesOutLate: ({ late }) => late === "exclude",
  prepare(contributions, gram, { iterations, tolerance, smoothing }) {
    const shares = sharesOf(contributions);
    const scale = usualDistance(gram);
    const options = { iterations, tolerance: tolerance * scale, least: smoothing * scale };
    return weiszfeld(gram, shares, shares, options);
  },
};

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
 * What each counts for, in shares of the whole; what is above the most is the others', by what they count
 * for.
 */
function sharesOf(contributions: readonly Contribution[]): readonly number[] {
  const most = MOST_SHARES / contributions.length;
  let shares = normalised(contributions.map(({ samples, stalenessWeight }) => samples * stalenessWeight));
  while (contributions.length > MOST_SHARES && shares.some((share) => share > most * (1 + 1e-12))) {
    const bounded = shares.map((share) => Math.min(share, most));
    const open = shares.reduce((sum, share) => (share < most ? sum + share : sum), 0);
    const left = 1 - bounded.reduce((sum, share) => (share < most ? sum : sum + share), 0);
    shares = bounded.map((share) => (share < most ? (share * left) / open : share));
  }
  return shares;
}

function normalised(weights: readonly number[]): readonly number[] {
  const largest = Math.max(...weights);
  // Scaled first: a sum of what is nearly infinite is.
  const scaled = weights.map((weight) => (weight === largest ? 1 : weight / largest));
  const total = scaled.reduce((sum, weight) => sum + weight, 0);
  return scaled.map((weight) => weight / total);
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
  const median = nearest.sort((a, b) => a - b)[(nearest.length - 1) >> 1] ?? 0;
  return Number.isFinite(median) ? median : 0;
}
