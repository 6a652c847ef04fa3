// Which number says how good a model version is: by it a run chooses its best version and stops.
import type { Loss } from "./loss.ts";

export type Metric = "accuracy" | "loss";

export interface Score {
  /** Null where the loss knows none: of numbers there is no share that is right. */
  readonly accuracy: number | null;
  /** Null in a document of 0.1, which did not keep the best version's. */
  readonly loss: number | null;
}

/**
 * Shares of samples are counted exactly; what is closer than this differs by the arithmetic of a division
 * only.
 */
const SAME_ACCURACY = 1e-9;

/** Losses of numbers, of which there is no share that is right. */
const OF_NUMBERS: ReadonlySet<Loss> = new Set<Loss>([
  "meanSquaredError",
  "meanAbsoluteError",
  "huber",
  "poisson",
]);

/** Whether versions scored with this loss have an accuracy. */
export function hasAccuracy(loss: Loss): boolean {
  return !OF_NUMBERS.has(loss);
}

/** The metric that a run names, else accuracy where its loss has one. */
export function metricOf(spec: {
  readonly training: { readonly loss: Loss };
  readonly evaluation?: { readonly metric?: Metric | undefined } | undefined;
}): Metric {
  return spec.evaluation?.metric ?? (hasAccuracy(spec.training.loss) ? "accuracy" : "loss");
}

/**
 * Which of two scores is the better one: below zero for the first, above for the second, 0 where they are
 * equal. Of equal accuracies the lower loss wins.
 */
export function compareScores(a: Score, b: Score, metric: Metric): number {
  if (metric === "accuracy") {
    const difference = (b.accuracy ?? Number.NEGATIVE_INFINITY) - (a.accuracy ?? Number.NEGATIVE_INFINITY);
    if (Math.abs(difference) > SAME_ACCURACY) return Math.sign(difference);
  }
  const [first, second] = [a.loss ?? Number.POSITIVE_INFINITY, b.loss ?? Number.POSITIVE_INFINITY];
  return first === second ? 0 : Math.sign(first - second);
}
