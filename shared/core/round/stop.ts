// The stop rule of a run that advances by itself: rounds, a target of its metric, budget.
import { sumUsd } from "../cost/cost.ts";
import { type Direction, directionOf, scoreOf } from "../schemas/metric.ts";
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
  const { rounds, budgetUsd } = run.spec.stop;
  if (run.round >= rounds) return `all ${rounds} rounds are done`;
  for (const target of targetsOf(run)) {
    const reached = reachedTarget(run, target);
    if (reached !== null) return reached;
  }
  const costUsd = sumUsd([run.totals.costUsd, outstandingUsd]);
  if (budgetUsd !== undefined && costUsd >= budgetUsd) {
    const calls = outstandingUsd > 0 ? `, ${outstandingUsd.toFixed(6)} of it for calls that go on,` : "";
    return `cost ${costUsd.toFixed(6)} USD${calls} reached the budget of ${budgetUsd} USD`;
  }
  return null;
}

interface Target {
  readonly metric: string;
  readonly value: number;
  readonly direction: Direction;
}

function targetsOf({ spec }: Run): readonly Target[] {
  const { targetAccuracy, targetLoss, target } = spec.stop;
  const given: readonly (Target | null)[] = [
    targetAccuracy === undefined ? null : { metric: "accuracy", value: targetAccuracy, direction: "higher" },
    targetLoss === undefined ? null : { metric: "loss", value: targetLoss, direction: "lower" },
    target === undefined ? null : { ...target, direction: directionOf(spec) },
  ];
  return given.filter((each) => each !== null);
}

function reachedTarget({ best }: Run, { metric, value, direction }: Target): string | null {
  const score = best === null ? null : scoreOf({ ...best, loss: best.loss ?? null }, metric);
  if (score === null || (direction === "higher" ? score < value : score > value)) return null;
  const text = metric === "accuracy" ? score.toFixed(4) : score.toPrecision(4);
  return `${metric} ${text} reached the target ${value} in round ${best?.round}`;
}
