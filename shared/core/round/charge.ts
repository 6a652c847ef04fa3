// Charging a run for work on one of its rounds that is known only after the round was published, or though it
// never was.
import { sumUsd } from "../cost/cost.ts";
import type { Round, RoundCosts } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";

/**
 * The run and the round with an amount added to one part of the round's costs. A cancelled round has not been
 * charged for anything before: what opening it cost comes with the first amount.
 */
export function charge(
  run: Run,
  round: Round,
  part: keyof RoundCosts,
  usd: number,
): { readonly run: Run; readonly round: Round } {
  const addedUsd = sumUsd([usd, round.costUsd === null ? totalUsd(round.costs) : 0]);
  return {
    run: { ...run, totals: { ...run.totals, costUsd: sumUsd([run.totals.costUsd, addedUsd]) } },
    round: {
      ...round,
      costs: { ...round.costs, [part]: sumUsd([round.costs[part], usd]) },
      costUsd: sumUsd([round.costUsd ?? 0, addedUsd]),
    },
  };
}

/** The sum of a round's costs. */
export function totalUsd(costs: RoundCosts): number {
  return sumUsd(Object.values(costs));
}
