// What calls of the deployment's own functions cost in a simulation, by what their instances have; see
// infra/box/deployment.ts.
import { invocationCost } from "../../../shared/core/cost/cost.ts";
import type { World } from "./world.ts";

const AGGREGATOR = { memoryMib: 2_048, vcpu: 1 } as const;
const COORDINATOR = { memoryMib: 512, vcpu: 1 } as const;

/** A claim, a report or the opening of a round, which take less than what is billed at the least. */
export function coordinatorCallUsd({ input }: Pick<World, "input">): number {
  return invocationCost({ durationMs: 1, ...COORDINATOR }, input.prices);
}

export function aggregatorCallUsd({ input }: Pick<World, "input">, aggregateMs: number): number {
  return invocationCost({ durationMs: aggregateMs, ...AGGREGATOR }, input.prices);
}
