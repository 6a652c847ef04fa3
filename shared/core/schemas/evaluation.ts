// An evaluation that somebody asked for of one model version, beside the scores that the run itself makes.
import * as z from "zod";
import { DataName, DurationMs, Instant, ModelVersion, RunId } from "./ids.ts";
import { BuiltinMetric, MAX_METRICS, Metrics } from "./metric.ts";

/**
 * asked: its task is queued, or at work · scored · failed: it cannot be scored, with the reason · unanswered:
 * nothing was heard in time.
 */
const EvaluationStatus = z.enum(["asked", "scored", "failed", "unanswered"]);

/** Metrics to compute beside loss and accuracy. */
export const AskedMetrics = z.array(BuiltinMetric).max(MAX_METRICS - 2);

/** `runs/{runId}/evaluations/{0007}`: the last one of a version. It chooses no best version and ends no run. */
export const Evaluation = z
  .strictObject({
    runId: RunId,
    version: ModelVersion,
    number: z.number().int().min(1).describe("Counts the evaluations that were asked for of this version."),
    status: EvaluationStatus,
    data: DataName.nullable().describe("Which of the deployment's test sets; null: its only, unnamed one."),
    metricNames: AskedMetrics.describe("What was to be computed beside loss and accuracy."),
    reason: z
      .string()
      .max(1_000)
      .nullable()
      .describe("Why there is no score, in words; null where there is."),
    accuracy: z.number().nullable().describe("Null before the score, and where the loss knows none."),
    loss: z.number().nullable(),
    metrics: Metrics.optional().describe(
      "All of them, accuracy and loss among them; absent without a score.",
    ),
    hasDetails: z.boolean().describe("Whether there are scores by class."),
    evaluateMs: DurationMs.nullable(),
    backend: z.string().max(100).nullable().describe("What did the arithmetic, such as tfjs-node 2.21.0."),
    costUsd: z
      .number()
      .min(0)
      .nullable()
      .describe("Of the evaluator's call; it is in no total of the run, and no budget. Null before its end."),
    askedBy: z.string(),
    askedAt: Instant,
    untilAt: Instant.describe("No longer is an answer waited for."),
    endedAt: Instant.nullable(),
  })
  .meta({ id: "Evaluation" });
export type Evaluation = z.infer<typeof Evaluation>;
