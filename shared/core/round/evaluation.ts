// What an evaluation's result changes: the round it belongs to, and the run's latest and best accuracy.
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { charge } from "./charge.ts";
import { helped } from "./needsPerson.ts";
import { afterScore, setBack } from "./setBack.ts";

export interface Evaluation {
  readonly accuracy: number;
  readonly loss: number;
  readonly evaluateMs: number;
  readonly costUsd: number;
}

/**
 * The run and round with the score of one version. Scores may come out of order; the run shows the newest version's, and
 * of equal ones the earliest is the best. Recording the same score again changes nothing. A version whose loss is no number
 * has no score, and the run is set back to the last good one. A run that waited for the score goes on.
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
  const charged = charge(helped(run), round, "evaluatorUsd", costUsd);
  const timed: Round = { ...charged.round, timings: { ...round.timings, evaluateMs } };
  if (!Number.isFinite(loss)) {
    const reason = `its loss on the evaluation data is ${loss}`;
    const unscored = withoutScore(timed, `Version ${version} cannot be used: ${reason}.`);
    const back = setBack({ ...charged.run, updatedAt: nowMs }, round, version, reason);
    return { run: afterScore(back, unscored), round: unscored };
  }
  const newest = run.evaluatedVersion === null || version > run.evaluatedVersion;
  const best =
    run.best === null ||
    accuracy > run.best.accuracy ||
    (accuracy === run.best.accuracy && version < run.best.version)
      ? { version, accuracy, round: round.round }
      : run.best;
  const scored = { ...timed, accuracy, loss };
  const shown = newest ? { evaluatedVersion: version, accuracy, loss } : {};
  return { run: afterScore({ ...charged.run, best, ...shown, updatedAt: nowMs }, scored), round: scored };
}

/** Whether the round made this version and nobody has said yet how good it is, or why that cannot be said. */
export function awaitsScore(round: Round, version: number): boolean {
  return round.newVersion === version && round.accuracy === null && round.unscoredReason === null;
}

/**
 * The round whose version cannot be scored, with the reason where an operator looks, and the run charged for trying. A run
 * that waited for the score goes on.
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
  return { run: afterScore(charged.run, unscored), round: unscored };
}

function withoutScore(round: Round, reason: string): Round {
  return { ...round, unscoredReason: reason.slice(0, 1_000) };
}
