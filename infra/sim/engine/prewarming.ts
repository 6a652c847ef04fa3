// Wakes clients ahead of the next round as the coordinator does, on the roster in memory.
import type { Command } from "../../../shared/core/protocol/commands.ts";
import {
  expectedOutcomes,
  mayPrewarm,
  prewarmCandidates,
  prewarmed,
  warmCommands,
} from "../../../shared/core/round/prewarm.ts";
import { candidatesOf } from "./opening.ts";
import { capacityOf, clientDocument } from "./roster.ts";
import type { World } from "./world.ts";

export function prewarm(world: World, roundNumber: number): readonly Command[] {
  const { run, nowMs, input } = world;
  const held = world.held.get(roundNumber);
  if (held === undefined || !mayPrewarm(run, held.round)) return [];
  const outcomes = expectedOutcomes(held.round, [...held.invocations.values()]);
  const candidates = candidatesOf(world, world.roster.after(outcomes));
  const cold = prewarmCandidates(run, held.round, candidates, nowMs);
  const clients = new Map(
    cold.map(({ clientId }) => [clientId, clientDocument(clientId, capacityOf(input.population, clientId))]),
  );
  held.round = prewarmed(held.round, cold, clients, input.prices);
  return warmCommands(held.round, clients);
}
