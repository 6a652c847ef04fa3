// What the robust aggregations have in common. Their weights are not the clients' to choose: samples are
// claimed, not measured.
import * as z from "zod";
import type { SpecFacts, SpecProblem } from "../face.ts";

export const lateRule = z
  .enum(["exclude", "count"])
  .default("exclude")
  .describe(
    "Updates of earlier rounds: left out, because age alone makes them outliers, or counted as any other.",
  );

export const maxMalicious = z
  .number()
  .int()
  .min(1)
  .max(499)
  .default(1)
  .describe("Updates of a round that may be bad, whatever they hold: count owners, not clients.");

/** The problem of a round that may be folded with fewer updates than a method can do with. */
export function tooFewUpdates(
  { round, aggregation }: SpecFacts,
  least: number,
  why: string,
): readonly SpecProblem[] {
  if (round.minUpdates >= least) return [];
  const message = `must be at least ${least} for aggregation.strategy ${aggregation.strategy}: ${why}`;
  return [{ path: ["round", "minUpdates"], message }];
}

/**
 * Gives the values of each coordinate in ascending order. The column is the caller's until the next. O(n log
 * n) a coordinate.
 *
 * @param rows of one length, all finite; 0 and -0 are the same.
 */
export function sortedColumns(
  rows: readonly Float32Array[],
  use: (k: number, column: Float64Array) => void,
): void {
  const length = rows[0]?.length ?? 0;
  const column = new Float64Array(rows.length);
  for (let k = 0; k < length; k++) {
    for (let i = 0; i < rows.length; i++) column[i] = (rows[i]?.[k] ?? 0) + 0;
    insertionSort(column);
    use(k, column);
  }
}

/** Beyond so many values the built-in sort is faster. */
const FEW = 48;

function insertionSort(values: Float64Array): void {
  if (values.length > FEW) {
    values.sort();
    return;
  }
  for (let i = 1; i < values.length; i++) {
    const value = values[i] ?? 0;
    let j = i - 1;
    for (; j >= 0 && (values[j] ?? 0) > value; j--) values[j + 1] = values[j] ?? 0;
    values[j + 1] = value;
  }
}
