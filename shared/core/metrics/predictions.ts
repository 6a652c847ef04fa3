// What metrics are computed from, batch by batch, and what comes of it.
import type { Metrics } from "../schemas/metric.ts";

/** A batch, row by row: a row is a sample, or a position of one that has a label for each. */
export interface Predictions {
  /** Class numbers, one a row; otherwise a target for each output. */
  readonly labels: ArrayLike<number>;
  readonly outputs: ArrayLike<number>;
  /** Outputs a row: classes, or numbers. At least 1. */
  readonly width: number;
}

/** A class, or an output that says yes or no, by itself. */
export interface ClassScore {
  /** Null where nothing was predicted to be of it: there is no share of nothing. */
  readonly precision: number | null;
  /** Null where nothing is of it. */
  readonly recall: number | null;
  readonly f1: number | null;
  /** Null where all rows, or none, are of it, and where it was not asked for. */
  readonly auc: number | null;
  /** Rows that are of it. */
  readonly support: number;
}

/** What a score has beside its numbers. */
export interface ScoreDetails {
  /** By class number, or by output. */
  readonly classes: readonly ClassScore[];
  /** Rows are true classes, columns predicted ones; null for more than 100 classes, and for yes or no. */
  readonly confusion: readonly (readonly number[])[] | null;
}

export interface MetricSums {
  add(batch: Predictions): void;
  /** The metrics asked for, without those that are not defined for what was added. */
  result(): { readonly metrics: Metrics; readonly details: ScoreDetails | null };
}
