// Features on one scale: zero mean and unit variance, so that a distance weighs each of them alike.
import { FlError } from "../errors.ts";

/**
 * Each column less its mean, divided by its (population) standard deviation, as new arrays. A constant column
 * becomes zeros; constant is what varies no more than its own rounding, by the bound that scikit-learn's
 * StandardScaler uses.
 *
 * @param columns one array per feature, all finite. @throws FlError("invalid-argument") for a value that is
 *   not.
 */
export function standardise(columns: readonly Float64Array[]): Float64Array[] {
  return columns.map((column) => {
    const mean = meanOf(column);
    if (!Number.isFinite(mean)) throw new FlError("invalid-argument", "A feature must be finite everywhere.");
    let squares = 0;
    for (const value of column) squares += (value - mean) ** 2;
    const variance = squares / column.length;
    const rounding = column.length * Number.EPSILON;
    if (variance <= rounding * variance + (rounding * mean) ** 2) return new Float64Array(column.length);
    const deviation = Math.sqrt(variance);
    return column.map((value) => (value - mean) / deviation);
  });
}

/** The arithmetic mean; exactly the value where all are equal. 0 for none. */
function meanOf(values: Float64Array): number {
  const first = values[0] ?? 0;
  let excess = 0;
  for (const value of values) excess += value - first;
  return values.length === 0 ? 0 : first + excess / values.length;
}
