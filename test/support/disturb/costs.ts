// What a run has cost at its end: how much depends on how long everything took, but not what it is the sum
// of.
import { expect } from "vitest";
import { sumUsd } from "../../../shared/core/cost/cost.ts";
import { totalUsd } from "../../../shared/core/round/charge.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";

/**
 * Every call is charged once: a round is the sum of its parts, a run of its rounds, and an invocation of what
 * rounds say, with what was settled.
 */
export function checkCosts(run: Run, rounds: readonly Round[], invocations: readonly Invocation[]): void {
  for (const round of rounds) {
    if (round.costUsd === null) continue; // It was cancelled.
    const { costs, outcomes, prewarmed } = round;
    expect(round.costUsd, `cost of round ${round.round}`).toBe(totalUsd(costs));
    expect(costs.clientsUsd, `clients of round ${round.round}`).toBe(
      sumUsd(outcomes.map((outcome) => outcome.costUsd)),
    );
    expect(costs.prewarmUsd, `waking for round ${round.round}`).toBe(prewarmed?.costUsd ?? 0);
    // Every call is billed, if only for its shortest time.
    expect(costs.coordinatorUsd, `opening round ${round.round}`).toBeGreaterThan(0);
    if (round.status === "closed" || round.status === "degraded") {
      expect(costs.aggregatorUsd, `folding round ${round.round}`).toBeGreaterThan(0);
    }
  }
  const costs = rounds.map(({ costUsd }) => costUsd ?? 0);
  expect(run.totals.costUsd, "cost of the run").toBe(sumUsd([run.totals.preparationUsd, ...costs]));
  const outcomes = rounds.flatMap((round) => round.outcomes);
  const owed = new Map<number, number[]>();
  for (const { round, clientId, status, chargedUsd } of invocations) {
    const charged = outcomes.filter((outcome) => outcome.round === round && outcome.clientId === clientId);
    const chargedIn = sumUsd(charged.map((outcome) => outcome.costUsd));
    const afterwardsUsd = sumUsd([chargedUsd, -chargedIn]);
    owed.set(round, [...(owed.get(round) ?? []), afterwardsUsd]);
    if (status === "consumed") expect(afterwardsUsd, `${clientId} in round ${round}`).toBe(0);
  }
  if (!run.swept) return;
  for (const { round, costs } of rounds) {
    expect(costs.afterwardsUsd, `what round ${round} settled`).toBe(sumUsd(owed.get(round) ?? []));
  }
}
