// The stop rule of a run that advances by itself: rounds, target accuracy, budget.
import type { Run } from "../schemas/run.ts";

/**
 * Why the run should stop before its next round, in words, or null to go on.
 *
 * Cost and accuracy are those known now: an evaluation still under way, or a round still open, can be one round behind,
 * so a budget is exceeded by at most one round.
 */
export function stopReason(run: Run): string | null {
  const { rounds, targetAccuracy, budgetUsd } = run.spec.stop;
  if (run.round >= rounds) return `all ${rounds} rounds are done`;
  if (targetAccuracy !== undefined && run.best !== null && run.best.accuracy >= targetAccuracy) {
    return `accuracy ${run.best.accuracy.toFixed(4)} reached the target ${targetAccuracy} in round ${run.best.round}`;
  }
  if (budgetUsd !== undefined && run.totals.costUsd >= budgetUsd) {
    return `cost ${run.totals.costUsd.toFixed(6)} USD reached the budget of ${budgetUsd} USD`;
  }
  return null;
}
