// Precision, recall and F1 by class, and their plain means over the classes that occur: scikit-learn's
// average="macro" with zero_division=0. F1Score(average="macro") of Keras also counts classes that do not
// occur.
import type { Metrics } from "../schemas/metric.ts";
import type { ClassScore } from "./predictions.ts";

/** Counts of rows by class, or by output. */
export interface ClassCounts {
  /** Of it, and predicted so. */
  readonly hits: ArrayLike<number>;
  readonly predicted: ArrayLike<number>;
  /** Of it. */
  readonly actual: ArrayLike<number>;
}

/** @param area of a class's ROC curve; null where none was kept. */
export function classScores(
  { hits, predicted, actual }: ClassCounts,
  area: ((output: number) => number | null) | null,
): readonly ClassScore[] {
  return Array.from({ length: actual.length }, (_, i) => {
    const [hit = 0, guessed = 0, support = 0] = [hits[i], predicted[i], actual[i]];
    return {
      precision: guessed === 0 ? null : hit / guessed,
      recall: support === 0 ? null : hit / support,
      f1: guessed + support === 0 ? null : (2 * hit) / (guessed + support),
      auc: area?.(i) ?? null,
      support,
    };
  });
}

/**
 * What was asked for of precision, recall, f1 and auc. A class that occurs in labels or predictions counts as
 * 0 where one of the first three is not defined for it; auc is over the classes that have one.
 */
export function macro(classes: readonly ClassScore[], asked: ReadonlySet<string>): Metrics {
  const occurring = classes.filter(({ f1 }) => f1 !== null);
  const means = (["precision", "recall", "f1"] as const).map(
    (name) => [name, mean(occurring.map((scores) => scores[name] ?? 0))] as const,
  );
  const areas = classes.flatMap(({ auc }) => auc ?? []);
  return Object.fromEntries(
    [...means, ["auc", mean(areas)] as const].flatMap(([name, value]) =>
      asked.has(name) && value !== null ? [[name, value]] : [],
    ),
  );
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
