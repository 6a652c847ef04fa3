// What an evaluation's result changes: the round it belongs to, and the run's latest and best accuracy.
import { sumUsd } from "../cost/cost.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";

export interface Evaluation {
  readonly accuracy: number;
  readonly loss: number;
  readonly evaluateMs: number;
  readonly costUsd: number;
}

/**
 * The run and round with the score of one version. Scores may come out of order; the run shows the newest version's, and
 * of equal ones the earliest is the best. Recording the same score again changes nothing.
 */
export function recordEvaluation(
  run: Run,
  round: Round,
  version: number,
  evaluation: Evaluation,
  nowMs: number,
): { readonly run: Run; readonly round: Round } {
  if (!awaitsScore(round, version)) return { run, round };
  const { accuracy, loss, evaluateMs, costUsd } = evaluation;
  const newest = run.evaluatedVersion === null || version > run.evaluatedVersion;
  const best =
    run.best === null ||
    accuracy > run.best.accuracy ||
    (accuracy === run.best.accuracy && version < run.best.version)
      ? { version, accuracy, round: round.round }
      : run.best;
  return {
    run: {
      ...run,
      best,
      ...(newest ? { evaluatedVersion: version, accuracy, loss } : {}),
      totals: { ...run.totals, costUsd: sumUsd([run.totals.costUsd, costUsd]) },
      updatedAt: nowMs,
    },
    round: {
      ...round,
      accuracy,
      loss,
      costUsd: sumUsd([round.costUsd ?? 0, costUsd]),
      timings: { ...round.timings, evaluateMs },
    },
  };
}

/** Whether the round made this version and nobody has said yet how good it is, or why that cannot be said. */
export function awaitsScore(round: Round, version: number): boolean {
  return round.newVersion === version && round.accuracy === null && round.unscoredReason === null;
}

/** The round whose version cannot be scored, with the reason where an operator looks. */
export function recordUnscored(round: Round, version: number, reason: string): Round {
  return awaitsScore(round, version) ? { ...round, unscoredReason: reason.slice(0, 1_000) } : round;
}
