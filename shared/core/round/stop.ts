// The stop rule of a run that advances by itself: rounds, target accuracy or loss, budget.
import type { Run } from "../schemas/run.ts";

/**
 * Why the run should stop before its next round, in words, or null to go on.
 *
 * Cost and score are those known now: an evaluation still under way, or a round still open, can be one round behind,
 * so a budget is exceeded by at most one round.
 */
export function stopReason(run: Run): string | null {
  const { rounds, targetAccuracy, targetLoss, budgetUsd } = run.spec.stop;
  const { best } = run;
  const [accuracy, loss] = [best?.accuracy ?? null, best?.loss ?? null];
  if (run.round >= rounds) return `all ${rounds} rounds are done`;
  if (targetAccuracy !== undefined && accuracy !== null && accuracy >= targetAccuracy) {
    return `accuracy ${accuracy.toFixed(4)} reached the target ${targetAccuracy} in round ${best?.round}`;
  }
  if (targetLoss !== undefined && loss !== null && loss <= targetLoss) {
    return `loss ${loss.toPrecision(4)} reached the target ${targetLoss} in round ${best?.round}`;
  }
  if (budgetUsd !== undefined && run.totals.costUsd >= budgetUsd) {
    return `cost ${run.totals.costUsd.toFixed(6)} USD reached the budget of ${budgetUsd} USD`;
  }
  return null;
}
