// The stop rule of a run that advances by itself: rounds, target accuracy or loss, budget.
import { sumUsd } from "../cost/cost.ts";
import type { Run } from "../schemas/run.ts";

/**
 * Why the run should stop before its next round, in words, or null to go on.
 *
 * Cost and score are those known now: an evaluation still under way, or a round still open, can be one round
 * behind, so a budget is exceeded by at most one round.
 *
 * @param outstandingUsd what calls that go on have cost beyond what is charged.
 */
export function stopReason(run: Run, outstandingUsd = 0): string | null {
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
  const costUsd = sumUsd([run.totals.costUsd, outstandingUsd]);
  if (budgetUsd !== undefined && costUsd >= budgetUsd) {
    const calls = outstandingUsd > 0 ? `, ${outstandingUsd.toFixed(6)} of it for calls that go on,` : "";
    return `cost ${costUsd.toFixed(6)} USD${calls} reached the budget of ${budgetUsd} USD`;
  }
  return null;
}
