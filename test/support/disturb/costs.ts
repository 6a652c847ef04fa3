// What a run has cost at its end: how much depends on how long everything took, but not what it is the sum of.
import { expect } from "vitest";
import { functionShapes } from "../../../infra/box/deployment.ts";
import { invocationCost, sumUsd } from "../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";

/** Every call is charged once: a round is the sum of its parts, a run of its rounds, and an invocation of what rounds say. */
export function checkCosts(run: Run, rounds: readonly Round[], invocations: readonly Invocation[]): void {
  for (const round of rounds) {
    if (round.costUsd === null) continue; // It was cancelled.
    expect(sumUsd([round.costUsd]), `cost of round ${round.round}`).toBe(sumUsd(partsOf(round)));
  }
  const costs = rounds.map(({ costUsd }) => costUsd ?? 0);
  expect(sumUsd([run.totals.costUsd]), "cost of the run").toBe(sumUsd(costs));
  const outcomes = rounds.flatMap((round) => round.outcomes);
  for (const { round, clientId, status, chargedUsd } of invocations) {
    const charged = outcomes.filter((outcome) => outcome.round === round && outcome.clientId === clientId);
    const chargedIn = sumUsd(charged.map((outcome) => outcome.costUsd));
    if (status === "consumed" || status === "missed") {
      expect(chargedIn, `${clientId} in round ${round}`).toBe(chargedUsd);
    }
  }
}

function partsOf({ outcomes, prewarmed, timings }: Round): readonly number[] {
  return [
    callUsd("aggregator", timings.aggregateMs),
    callUsd("evaluator", timings.evaluateMs),
    prewarmed?.costUsd ?? 0,
    ...outcomes.map(({ costUsd }) => costUsd),
  ];
}

function callUsd(name: "aggregator" | "evaluator", durationMs: number | null): number {
  if (durationMs === null) return 0;
  const { memoryMib, vcpu } = functionShapes[name];
  return invocationCost({ durationMs, memoryMib, vcpu }, priceTables["cloud-run-2026"]);
}
