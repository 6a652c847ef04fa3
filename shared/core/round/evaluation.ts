// What an evaluation's result changes: the round it belongs to, and the run's latest and best score.

import {
  compareScores,
  directionOf,
  isBuiltinMetric,
  type Metrics,
  metricOf,
  type Score,
} from "../schemas/metric.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { scoredBy } from "../schemas/scoredBy.ts";
import { charge } from "./charge.ts";
import { helped } from "./needsPerson.ts";
import { afterScore, setBack } from "./setBack.ts";

export interface Evaluation {
  /** Null where the loss knows none. */
  readonly accuracy: number | null;
  readonly loss: number;
  /** Beside these two; absent where there are no others. */
  readonly metrics?: Metrics | undefined;
  readonly evaluateMs: number;
  readonly costUsd: number;
  /** What did the arithmetic, as the trainer names it. */
  readonly backend?: string;
}

/**
 * The run and round with the score of one version. Scores may come out of order; the run shows the newest
 * version's, and its best one by its metric: of equal accuracies the one with the lower loss, of equal scores
 * the earliest. Recording the same score again changes nothing. A version whose loss is not a number has no
 * score, and the run is set back to the last good one. A run that waited for the score goes on.
 */
export function recordEvaluation(
  run: Run,
  round: Round,
  version: number,
  evaluation: Evaluation,
  nowMs: number,
): { readonly run: Run; readonly round: Round } {
  if (!awaitsScore(round, version)) return { run, round };
  const { accuracy, loss, evaluateMs, costUsd, backend } = evaluation;
  const charged = charge(helped(run), round, "evaluatorUsd", costUsd);
  const timed: Round = {
    ...charged.round,
    ...(backend === undefined ? {} : { scoringBackend: backend }),
    timings: { ...round.timings, evaluateMs },
  };
  if (!Number.isFinite(loss)) {
    const reason = `its loss on the evaluation data is ${loss}`;
    const unscored = withoutScore(timed, `Version ${version} cannot be used: ${reason}.`);
    const back = setBack({ ...charged.run, updatedAt: nowMs }, round, version, reason);
    return { run: afterScore(back, unscored), round: unscored };
  }
  const newest = run.evaluatedVersion === null || version > run.evaluatedVersion;
  const metrics = { loss, ...(accuracy === null ? {} : { accuracy }), ...evaluation.metrics };
  const candidate = { version, accuracy, loss, metrics, round: round.round };
  const best = scoredBy(run.spec) === "central" && isBetter(candidate, run) ? candidate : run.best;
  const scored = { ...timed, accuracy, loss, metrics };
  const shown = newest ? { evaluatedVersion: version, accuracy, loss, metrics, unscoredReason: null } : {};
  return { run: afterScore({ ...charged.run, best, ...shown, updatedAt: nowMs }, scored), round: scored };
}

/**
 * Whether this version is better than the run's best, by the run's own metric; of equal ones the earlier is.
 */
export function isBetter(candidate: Score & { readonly version: number }, { best, spec }: Run): boolean {
  if (best === null) return true;
  const known = { ...best, loss: best.loss ?? null };
  const compared = compareScores(candidate, known, metricOf(spec), directionOf(spec));
  return compared < 0 || (compared === 0 && candidate.version < best.version);
}

/** Whether the round made this version and has neither a score yet nor a reason why it has none. */
export function awaitsScore(round: Round, version: number): boolean {
  const { newVersion, accuracy, loss, unscoredReason } = round;
  return newVersion === version && accuracy === null && loss === null && unscoredReason === null;
}

/**
 * The round whose version cannot be scored, with the reason where an operator looks, and the run charged for
 * trying. A run that waited for the score goes on.
 */
export function recordUnscored(
  run: Run,
  round: Round,
  version: number,
  reason: string,
  costUsd: number,
): { readonly run: Run; readonly round: Round } {
  if (!awaitsScore(round, version)) return { run, round };
  const charged = charge(run, round, "evaluatorUsd", costUsd);
  const unscored = withoutScore(charged.round, reason);
  const shown = {
    ...charged.run,
    unscoredReason: `Version ${version}: ${reason}`.slice(0, 1_000).toWellFormed(),
  };
  return { run: afterScore(shown, unscored), round: unscored };
}

/** Samples at a time: enough to keep the cores busy, little enough for a small instance. */
const BATCH_SIZE = 250;

/** How a run's versions are scored, with what the spec leaves open. */
export function evaluationOf(spec: Pick<Run["spec"], "data" | "evaluation" | "stop" | "training">): {
  /** Built-in metrics beside loss and accuracy, each once. */
  readonly metrics: readonly string[];
  readonly data: string | undefined;
  readonly batchSize: number;
} {
  const { evaluation, data } = spec;
  const named = [...(evaluation?.metrics ?? []), metricOf(spec)].filter(isBuiltinMetric);
  return {
    metrics: [...new Set(named)].filter((name) => name !== "loss" && name !== "accuracy"),
    data: evaluation?.data ?? data,
    batchSize: evaluation?.batchSize ?? BATCH_SIZE,
  };
}

/** Why no version of the run is scored on the test set; null where they are. */
export function whyUnscored({ model, spec }: Run): string | null {
  if ("parameters" in spec.model) {
    return "Versions are not scored on a test set: the run has parameters and no topology, so that only its clients can compute with them.";
  }
  if (model?.parameters.some(({ local }) => local === true) === true) {
    return "Versions are not scored: they hold the layers in training.local as they were at the start, and each client has its own.";
  }
  return spec.evaluation?.central === false
    ? "Versions are not scored on a test set: evaluation.central is false."
    : null;
}

/**
 * Why the version that this round makes is not scored by the run's own wish; null where it is. One that is
 * doubted is scored, whatever the run wishes.
 */
export function whyPassedOver({ spec }: Run, round: number): string | null {
  const every = spec.evaluation?.every ?? 1;
  return round % every === 0 || round >= spec.stop.rounds
    ? null
    : `Not scored: evaluation.every is ${every}.`;
}

function withoutScore(round: Round, reason: string): Round {
  return { ...round, unscoredReason: reason.slice(0, 1_000) };
}
