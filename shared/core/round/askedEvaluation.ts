// An evaluation of a version that somebody asks for: when it may be asked, and what the evaluator's answer
// makes of it. The run itself stays as it is.
import { FlError } from "../errors.ts";
import type { Command } from "../protocol/commands.ts";
import type { Evaluation } from "../schemas/evaluation.ts";
import { whyNotWith } from "../schemas/metric.ts";
import type { Run } from "../schemas/run.ts";
import { evaluationOf, type Evaluation as Score, whyUnscored } from "./evaluation.ts";

/** Longer than several calls of the evaluator, so that one that dies can be followed by another. */
export const EVALUATION_WAIT_MS = 3_600_000;

export interface EvaluationWish {
  /** The test set; that of the run where absent. */
  readonly data?: string | undefined;
  /** Built-in metrics beside loss and accuracy; those of the run where absent. */
  readonly metrics?: readonly string[] | undefined;
}

/** What is wrong with a wish, whatever the version: a metric that makes no sense with the run's loss. */
export function evaluationProblems(
  { spec }: Pick<Run, "spec">,
  { metrics = [] }: EvaluationWish,
): readonly { readonly path: string; readonly message: string }[] {
  return metrics.flatMap((metric, index) => {
    const why = whyNotWith(metric, spec.training.loss);
    return why === null ? [] : [{ path: `metrics.${index}`, message: why }];
  });
}

/**
 * Why no version of the run can be scored on a test set of the deployment, now or later; null where they can.
 * A run that has its rounds not scored may still be scored by hand on a set that is named.
 */
export function whyNotEvaluated(run: Run, { data }: EvaluationWish): string | null {
  const { spec } = run;
  const isOnlyUnwanted = spec.evaluation?.central === false && data !== undefined;
  const asScored = isOnlyUnwanted
    ? { ...run, spec: { ...spec, evaluation: { ...spec.evaluation, central: true } } }
    : run;
  const why = whyUnscored(asScored);
  return why !== null && spec.evaluation?.central === false && !isOnlyUnwanted
    ? `${why} Name a test set of the deployment as data.`
    : why;
}

/**
 * The next evaluation of a version.
 *
 * @param known the version's last one; null before the first
 * @throws FlError("failed-precondition") while another one may still be answered
 */
export function askEvaluation(
  known: Evaluation | null,
  run: Run,
  version: number,
  wish: EvaluationWish,
  askedBy: string,
  nowMs: number,
): Evaluation {
  const { runId, spec } = run;
  if (known !== null && isPending(known, nowMs)) {
    throw new FlError(
      "failed-precondition",
      `Evaluation ${known.number} of version ${version} of run ${runId} is not over: read it at /v1/runs/${runId}/models/${version}/evaluation, or wait.`,
      { retry: { afterMs: Math.min(5_000, known.untilAt - nowMs) } },
    );
  }
  const own = evaluationOf(spec);
  const metricNames = wish.metrics?.filter((name) => name !== "loss" && name !== "accuracy") ?? own.metrics;
  return {
    runId,
    version,
    number: (known?.number ?? 0) + 1,
    status: "asked",
    data: wish.data ?? own.data ?? null,
    metricNames: [...new Set(metricNames)],
    reason: null,
    accuracy: null,
    loss: null,
    hasDetails: false,
    evaluateMs: null,
    backend: null,
    costUsd: null,
    askedBy,
    askedAt: nowMs,
    untilAt: nowMs + EVALUATION_WAIT_MS,
    endedAt: null,
  };
}

/** What has it begin; asking again is harmless. */
export function evaluationCommands({ runId, version, number, status }: Evaluation): readonly Command[] {
  return status === "asked" ? [{ kind: "score", runId, version, number }] : [];
}

/** As people see it: one that nobody answered in time is over, too. */
export function shownEvaluation(evaluation: Evaluation, nowMs: number): Evaluation {
  if (evaluation.status !== "asked" || isPending(evaluation, nowMs)) return evaluation;
  const reason = "The evaluator did not answer in time: see its log, and that of its queue, and ask again.";
  return { ...evaluation, status: "unanswered", reason, endedAt: evaluation.untilAt };
}

/** Whether the task of this number still has something to do. */
export function awaitsEvaluation(evaluation: Evaluation | null, number: number, nowMs: number): boolean {
  return evaluation !== null && evaluation.number === number && isPending(evaluation, nowMs);
}

/** The evaluation with its score; one whose loss is no number has failed. */
export function scoredEvaluation(
  evaluation: Evaluation,
  score: Score & { readonly hasDetails: boolean },
  nowMs: number,
): Evaluation {
  const { accuracy, loss, metrics, evaluateMs, backend, costUsd, hasDetails } = score;
  const timed = { ...evaluation, evaluateMs, backend: backend?.slice(0, 100) ?? null };
  if (!Number.isFinite(loss)) {
    return failedEvaluation(timed, `The version cannot be used: its loss is ${loss}.`, costUsd, nowMs);
  }
  return {
    ...timed,
    status: "scored",
    accuracy,
    loss,
    metrics: { loss, ...(accuracy === null ? {} : { accuracy }), ...metrics },
    hasDetails,
    costUsd,
    endedAt: nowMs,
  };
}

/** The evaluation of a version that cannot be scored. */
export function failedEvaluation(
  evaluation: Evaluation,
  reason: string,
  costUsd: number,
  nowMs: number,
): Evaluation {
  return {
    ...evaluation,
    status: "failed",
    reason: reason.slice(0, 1_000).toWellFormed(),
    costUsd,
    endedAt: nowMs,
  };
}

function isPending({ status, untilAt }: Evaluation, nowMs: number): boolean {
  return status === "asked" && nowMs < untilAt;
}
