// What an owner's code has reported, for the report: by itself, and among the scores of the weights that the
// client was given.
import { MAX_METRICS, type Metrics } from "../../shared/core/schemas/metric.ts";
import type { Grant, ReportRequest } from "../../shared/core/schemas/protocol.ts";

type Score = Pick<ReportRequest, "evaluation" | "evaluationLeftOut">;

/**
 * A metric that was computed here counts, and not one of the same name that the owner's code reports.
 *
 * @param samples what a score of the owner's metrics alone weighs.
 */
export function withOwnMetrics(
  score: Score,
  own: Metrics,
  { evaluation: asked, baseVersion }: Pick<Grant, "evaluation" | "baseVersion">,
  samples: number,
): Score & Pick<ReportRequest, "metrics"> {
  const metrics = first(own);
  if (Object.keys(metrics).length === 0) return score;
  if (asked === undefined) return { ...score, metrics };
  const { evaluation = { version: baseVersion, samples, metrics: {} } } = score;
  return {
    metrics,
    evaluation: {
      ...evaluation,
      metrics: first({ ...evaluation.metrics, ...without(metrics, evaluation.metrics) }),
    },
  };
}

function first(metrics: Metrics): Metrics {
  return Object.fromEntries(Object.entries(metrics).slice(0, MAX_METRICS));
}

function without(metrics: Metrics, others: Metrics): Metrics {
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => !Object.hasOwn(others, name)));
}
