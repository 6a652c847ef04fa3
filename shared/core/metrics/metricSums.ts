// Computes a run's metrics from labels and model outputs that come in batches. What is kept does not grow
// with the samples.
import type { Loss } from "../schemas/loss.ts";
import { type TargetKind, targetKind } from "../schemas/metric.ts";
import { binaryMetrics } from "./binaryMetrics.ts";
import { classMetrics } from "./classMetrics.ts";
import { numberMetrics } from "./numberMetrics.ts";
import type { MetricSums } from "./predictions.ts";

const MAKERS: Readonly<Record<TargetKind, (asked: ReadonlySet<string>, loss: Loss) => MetricSums>> = {
  classes: classMetrics,
  binary: binaryMetrics,
  numbers: numberMetrics,
};

/**
 * Sums for these metrics, of which `loss`, `accuracy` and `perplexity` are left to the code that computes the
 * loss.
 *
 * @throws FlError("invalid-argument") from `add` for `auc` of more outputs than `MAX_AUC_OUTPUTS`.
 */
export function metricSums(metrics: readonly string[], loss: Loss): MetricSums {
  return MAKERS[targetKind(loss)](new Set(metrics), loss);
}

/** Metrics that are computed from the loss, or with it. */
const OF_THE_LOSS: ReadonlySet<string> = new Set(["loss", "accuracy", "perplexity"]);

/** Whether any of them needs the model's outputs one by one. */
export function needOutputs(metrics: readonly string[]): boolean {
  return metrics.some((metric) => !OF_THE_LOSS.has(metric));
}
