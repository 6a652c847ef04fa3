// What calls of the deployment's own functions cost in a simulation, by what their instances have; see
// infra/box/deployment.ts.
import { invocationCost } from "../../../shared/core/cost/cost.ts";
import type { World } from "./world.ts";

const AGGREGATOR = { memoryMib: 2_048, vcpu: 1 } as const;
const EVALUATOR = { memoryMib: 2_048, vcpu: 1 } as const;
const COORDINATOR = { memoryMib: 512, vcpu: 1 } as const;

/** A claim, a report or the opening of a round: where it is not said, it takes less than is billed at the least. */
export function coordinatorCallUsd({ input }: Pick<World, "input">, billedMs = 1): number {
  return invocationCost({ durationMs: billedMs, ...COORDINATOR }, input.prices);
}

export function aggregatorCallUsd({ input }: Pick<World, "input">, billedMs: number): number {
  return invocationCost({ durationMs: billedMs, ...AGGREGATOR }, input.prices);
}

export function evaluatorCallUsd({ prices }: Pick<World["input"], "prices">, billedMs: number): number {
  return invocationCost({ durationMs: billedMs, ...EVALUATOR }, prices);
}
