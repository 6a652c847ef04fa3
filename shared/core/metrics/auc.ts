// The area under the ROC curve at 200 thresholds, as keras.metrics.AUC computes it: what is kept does not
// grow with the samples.
import { FlError } from "../errors.ts";

/** As Keras has by default. */
const THRESHOLDS = 200;

/** Outputs whose curves are kept at most: each takes 3.2 kB. */
export const MAX_AUC_OUTPUTS = 1_000;

export interface RocSums {
  /** @param score from 0 to 1; beyond them it counts as 0 or 1. */
  add(output: number, score: number, positive: boolean): void;
  /** Null while all, or none, of what was added is positive. */
  area(output: number): number | null;
}

/** @throws FlError("invalid-argument") for more than `MAX_AUC_OUTPUTS` outputs. */
export function rocSums(outputs: number): RocSums {
  if (outputs > MAX_AUC_OUTPUTS) {
    throw new FlError(
      "invalid-argument",
      `The metric auc is computed for at most ${MAX_AUC_OUTPUTS} outputs, and the model has ${outputs}: leave it out.`,
      { retry: "never" },
    );
  }
  const buckets = {
    true: new Float64Array(outputs * THRESHOLDS),
    false: new Float64Array(outputs * THRESHOLDS),
  };
  return {
    add: (output, score, positive) => {
      const counts = positive ? buckets.true : buckets.false;
      const at = output * THRESHOLDS + bucketOf(score);
      counts[at] = (counts[at] ?? 0) + 1;
    },
    area: (output) => {
      const [start, end] = [output * THRESHOLDS, (output + 1) * THRESHOLDS];
      return areaOf(buckets.true.subarray(start, end), buckets.false.subarray(start, end));
    },
  };
}

/**
 * The last threshold, i / 199, that a score lies above. In float32 as the scores are, so that a score on a
 * threshold falls where it does in Keras.
 */
function bucketOf(score: number): number {
  const clipped = Math.min(1, Math.max(0, score));
  return Math.max(0, Math.ceil(Math.fround(clipped * (THRESHOLDS - 1))) - 1);
}

/** Between two thresholds the curve is a straight line. */
function areaOf(positives: Float64Array, negatives: Float64Array): number | null {
  const total = (counts: Float64Array) => counts.reduce((sum, count) => sum + count, 0);
  const [allPositive, allNegative] = [total(positives), total(negatives)];
  if (allPositive === 0 || allNegative === 0) return null;
  let [truePositives, area] = [0, 0];
  for (let i = positives.length - 1; i >= 0; i--) {
    const before = truePositives;
    truePositives += positives[i] ?? 0;
    area += ((negatives[i] ?? 0) * (before + truePositives)) / 2;
  }
  return area / (allPositive * allNegative);
}
