// How well labels separate points: Caliński & Harabasz, "A dendrite method for cluster analysis", 1974.
import { FlError } from "../errors.ts";

/**
 * The ratio of the dispersion between clusters to that within them, each by its degrees of freedom; higher is
 * better. Noise (-1) counts as a cluster like any other. Where nothing is dispersed within clusters it is 1,
 * as in scikit-learn. O(points × features).
 *
 * @param columns one array per feature. @param labels a label of at least -1 for each point.
 * @throws FlError("invalid-argument") unless there are more labels than one and fewer than points.
 */
export function calinskiHarabasz(columns: readonly Float64Array[], labels: Int32Array): number {
  const sizes = sizesOf(labels);
  const count = sizes.filter((size) => size > 0).length;
  if (count < 2 || count >= labels.length) {
    throw new FlError("invalid-argument", `${count} labels of ${labels.length} points cannot be scored.`);
  }
  let between = 0;
  let within = 0;
  for (const column of columns) {
    const means = meansOf(column, labels, sizes);
    const mean = means.reduce((sum, value, label) => sum + value * ((sizes[label] ?? 0) / labels.length), 0);
    means.forEach((value, label) => {
      between += (sizes[label] ?? 0) * (value - mean) ** 2;
    });
    for (let i = 0; i < labels.length; i++) {
      within += ((column[i] as number) - (means[(labels[i] as number) + 1] as number)) ** 2;
    }
  }
  return within === 0 ? 1 : (between * (labels.length - count)) / (within * (count - 1));
}

/** The number of points of each label; noise first. */
function sizesOf(labels: Int32Array): number[] {
  let highest = -1;
  for (const label of labels) highest = Math.max(highest, label);
  const sizes = new Array<number>(highest + 2).fill(0);
  for (const label of labels) sizes[label + 1] = (sizes[label + 1] ?? 0) + 1;
  return sizes;
}

/**
 * Taken relative to a cluster's first point, so that equal points have exactly their own value as their mean.
 */
function meansOf(column: Float64Array, labels: Int32Array, sizes: readonly number[]): number[] {
  const origins = new Float64Array(sizes.length).fill(Number.NaN);
  const excess = new Float64Array(sizes.length);
  for (let i = 0; i < labels.length; i++) {
    const cluster = (labels[i] as number) + 1;
    const value = column[i] as number;
    const origin = origins[cluster] as number;
    if (Number.isNaN(origin)) origins[cluster] = value;
    else excess[cluster] = (excess[cluster] as number) + (value - origin);
  }
  return sizes.map((size, i) => (size === 0 ? 0 : (origins[i] as number) + (excess[i] as number) / size));
}
