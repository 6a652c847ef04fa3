// Metrics of models that choose one of several classes: each row has one label, and as many outputs as there
// are classes.

import { topOf } from "../schemas/metric.ts";
import { argMax } from "./argMax.ts";
import { type RocSums, rocSums } from "./auc.ts";
import { classScores, macro } from "./macro.ts";
import type { MetricSums } from "./predictions.ts";

/** Classes whose confusion matrix is kept at most. */
const MAX_CONFUSION = 100;

export function classMetrics(asked: ReadonlySet<string>): MetricSums {
  const tops = [...asked].flatMap((metric) => topOf(metric) ?? []);
  const hits = new Map(tops.map((k) => [k, 0]));
  const wantsAuc = asked.has("auc");
  const wantsClasses = wantsAuc || ["precision", "recall", "f1"].some((metric) => asked.has(metric));
  let rows = 0;
  let sums: Sums | null = null;

  return {
    add: ({ labels, outputs, width }) => {
      sums ??= sumsFor(width, wantsAuc);
      const count = outputs.length / width;
      for (let row = 0; row < count; row++) {
        const start = row * width;
        const label = labels[row] ?? 0;
        if (tops.length > 0) {
          const rank = rankOf(outputs, start, width, label);
          for (const k of tops) if (rank < k) hits.set(k, (hits.get(k) ?? 0) + 1);
        }
        if (wantsClasses) addRow(sums, outputs, start, label);
      }
      rows += count;
    },
    result: () => {
      const top = tops.map((k) => [`top${k}Accuracy`, (hits.get(k) ?? 0) / rows] as const);
      if (!wantsClasses || sums === null) {
        return { metrics: rows === 0 ? {} : Object.fromEntries(top), details: null };
      }
      const { roc, confusion, width } = sums;
      const classes = classScores(sums, roc === null ? null : roc.area);
      const table =
        confusion === null
          ? null
          : Array.from({ length: width }, (_, label) => [
              ...confusion.subarray(label * width, (label + 1) * width),
            ]);
      return {
        metrics: { ...Object.fromEntries(top), ...macro(classes, asked) },
        details: { classes, confusion: table },
      };
    },
  };
}

interface Sums {
  readonly width: number;
  /** By class: rows that are of it and were predicted so, rows predicted so, and rows that are of it. */
  readonly hits: Float64Array;
  readonly predicted: Float64Array;
  readonly actual: Float64Array;
  readonly confusion: Float64Array | null;
  readonly roc: RocSums | null;
}

function sumsFor(width: number, wantsAuc: boolean): Sums {
  return {
    width,
    hits: new Float64Array(width),
    predicted: new Float64Array(width),
    actual: new Float64Array(width),
    confusion: width <= MAX_CONFUSION ? new Float64Array(width * width) : null,
    roc: wantsAuc ? rocSums(width) : null,
  };
}

function addRow(
  { width, hits, predicted, actual, confusion, roc }: Sums,
  outputs: ArrayLike<number>,
  start: number,
  label: number,
): void {
  const guess = argMax(outputs, start, width);
  increment(actual, label);
  increment(predicted, guess);
  if (guess === label) increment(hits, label);
  if (confusion !== null) increment(confusion, label * width + guess);
  if (roc === null) return;
  for (let i = 0; i < width; i++) roc.add(i, outputs[start + i] ?? 0, i === label);
}

function increment(counts: Float64Array, at: number): void {
  counts[at] = (counts[at] ?? 0) + 1;
}

/** How many outputs of a row are larger than the label's; infinite where that is not a number. */
function rankOf(outputs: ArrayLike<number>, start: number, width: number, label: number): number {
  const own = outputs[start + label] ?? Number.NaN;
  if (Number.isNaN(own)) return Number.POSITIVE_INFINITY;
  let larger = 0;
  for (let i = 0; i < width; i++) if ((outputs[start + i] ?? 0) > own) larger++;
  return larger;
}
