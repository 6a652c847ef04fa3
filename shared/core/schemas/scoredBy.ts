// Whose scores choose a run's best version, and meet its target.
import { isBuiltinMetric } from "./metric.ts";
import { hasLayers } from "./model.ts";

interface ScoringSpec {
  readonly evaluation?:
    | {
        readonly by?: "central" | "federated" | undefined;
        readonly central?: boolean | undefined;
        readonly federated?: object | undefined;
        readonly metric?: string | undefined;
      }
    | undefined;
  readonly training: { readonly local?: readonly string[] | undefined };
  readonly model: object;
}

/**
 * `central`: those of the evaluator on its test set; `federated`: the clients' means. What the spec says,
 * else the clients' where the run asks them for scores and has no others.
 */
export function scoredBy(spec: ScoringSpec): "central" | "federated" {
  const { evaluation } = spec;
  if (evaluation?.by !== undefined) return evaluation.by;
  if (evaluation?.federated === undefined) return "central";
  const isOwn = evaluation.metric !== undefined && !isBuiltinMetric(evaluation.metric);
  return isOwn || whyNeverCentral(spec) !== null ? "federated" : "central";
}

/** Why no version of the run is scored on the test set, in words; null where they are. */
export function whyNeverCentral({ evaluation, training, model }: ScoringSpec): string | null {
  if (training.local !== undefined) return "with training.local versions are not scored on the test set";
  if (evaluation?.central === false) {
    return "with evaluation.central false versions are not scored on a test set";
  }
  return hasLayers(model) ? null : "without a topology versions are not scored on the test set";
}
