// Turns the core's commands into events: what tasks are in the cloud.
import type { Command } from "../../../shared/core/round/commands.ts";
import { deliver } from "./calls.ts";
import { aggregate, closeAtDeadline, evaluate } from "./closing.ts";
import { openRound } from "./opening.ts";
import { prewarm } from "./prewarming.ts";
import type { World } from "./world.ts";

/** Schedules what a command stands for. */
export function perform(world: World, command: Command): void {
  const { nowMs, input } = world;
  switch (command.kind) {
    case "open-round":
      world.schedule(command.atMs ?? nowMs + input.population.openDelayMs(world.run.round), () =>
        openRound(world, command.request),
      );
      return;
    case "invoke": {
      const { round, clientId } = command;
      world.schedule(nowMs + input.population.dispatchMs, () => deliver(world, round, clientId, 1));
      return;
    }
    case "close-round":
      world.schedule(command.atMs, () => closeAtDeadline(world, command.round, command.pass));
      return;
    case "prewarm":
      world.schedule(nowMs, () => prewarm(world, command.round));
      return;
    case "warm":
      world.schedule(nowMs + input.population.dispatchMs, () => {
        input.population.warm({ clientId: command.clientId, round: command.round, atMs: world.nowMs });
        return [];
      });
      return;
    case "aggregate":
      world.schedule(nowMs, () => aggregate(world, command.round));
      return;
    case "evaluate":
      world.schedule(nowMs, () => evaluate(world, command.round, command.version));
      return;
    case "prepare":
      return; // A simulated run begins prepared.
  }
}
