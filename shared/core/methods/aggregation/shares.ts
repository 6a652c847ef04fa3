// What updates count for by their samples where those cannot be checked: samples are what clients claim.
import type { Contribution } from "./aggregationMethod.ts";

/** None weighs more than so many equal shares. */
const MOST_SHARES = 2;

/**
 * What each counts for, in shares of the whole; what is above the most is the others', by what they count
 * for.
 *
 * @param maxMalicious f, of at least 2f + 1: none counts for more than 1 / (2f + 1), so that any f are a
 *   minority by what they count for, whatever samples they claim.
 */
export function sharesOf(contributions: readonly Contribution[], maxMalicious = 0): readonly number[] {
  const { length } = contributions;
  // At least an equal share: not all can have less.
  const most = Math.max(1, Math.min(MOST_SHARES, length / (2 * maxMalicious + 1))) / length;
  let shares = normalised(contributions.map(({ samples, stalenessWeight }) => samples * stalenessWeight));
  while (most < 1 && shares.some((share) => share > most * (1 + 1e-12))) {
    const bounded = shares.map((share) => Math.min(share, most));
    const open = shares.reduce((sum, share) => (share < most ? sum + share : sum), 0);
    const left = 1 - bounded.reduce((sum, share) => (share < most ? sum : sum + share), 0);
    shares = bounded.map((share) => (share < most ? (share * left) / open : share));
  }
  return shares;
}

/** So that they sum to 1. */
export function normalised(weights: readonly number[]): readonly number[] {
  const largest = Math.max(...weights);
  // Scaled first: a sum of what is nearly infinite is.
  const scaled = weights.map((weight) => (weight === largest ? 1 : weight / largest));
  const total = scaled.reduce((sum, weight) => sum + weight, 0);
  return scaled.map((weight) => weight / total);
}

/** The middle one, the lower of two; 0 of none. */
export function lowerMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
}
