// The reach at which DBSCAN separates clients best: FedLesScan's grid search by the Calinski-Harabasz index.
import { calinskiHarabasz } from "../../../clustering/calinskiHarabasz.ts";
import { GrowingClusters, NOISE } from "../../../clustering/dbscan.ts";
import { standardise } from "../../../clustering/standardise.ts";
import { type EpsilonGrid, MAX_EPSILON_STEPS } from "./options.ts";

export interface SearchedLabels {
  readonly labels: Int32Array;
  /** The best reach, in standard deviations, and its index; null where no reach separates clients. */
  readonly eps: number | null;
  readonly score: number | null;
}

/**
 * The labels with the highest index over the grid, noise counting as one label; of equal ones those of the
 * smallest reach. A reach with fewer than two labels, or as many as points, does not count. Where none
 * counts, all clients have the label -1. Features are standardised first. O(n log n) for a grid of fixed
 * size.
 *
 * @param x, y the two features of each client, finite.
 */
export function searchEpsilon(
  x: Float64Array,
  y: Float64Array,
  grid: EpsilonGrid,
  minSamples: number,
): SearchedLabels {
  let best: SearchedLabels = { labels: new Int32Array(x.length).fill(NOISE), eps: null, score: null };
  if (x.length === 0) return best;
  const columns = standardise([x, y]);
  const clusters = new GrowingClusters(columns[0] as Float64Array, columns[1] as Float64Array, minSamples);
  for (const eps of gridOf(grid)) {
    clusters.grow(eps);
    const labels = clusters.labels();
    const distinct = new Set(labels).size;
    if (distinct < 2 || distinct >= labels.length) continue;
    const score = calinskiHarabasz(columns, labels);
    if (best.score === null || score > best.score) best = { labels, eps, score };
  }
  return best;
}

/** How many reaches a grid has. */
export function epsilonSteps({ from, below, step }: EpsilonGrid): number {
  return Math.max(0, Math.ceil((below - from) / step));
}

/**
 * The values that numpy's `arange` gives, to the last bit; the first `MAX_EPSILON_STEPS` of a grid that has
 * more, as documents of version 0.1 may have.
 */
export function gridOf(grid: EpsilonGrid): number[] {
  const { from, step } = grid;
  const spacing = from + step - from;
  return Array.from(
    { length: Math.min(MAX_EPSILON_STEPS, epsilonSteps(grid)) },
    (_, i) => from + i * spacing,
  );
}
