// Turns the core's commands into events: what tasks are in the cloud.
import type { Command, CommandOf } from "../../../shared/core/protocol/commands.ts";
import type { TaskKind } from "../../../shared/core/protocol/tasks.ts";
import { deliver } from "./calls.ts";
import { aggregate, closeAtDeadline, evaluate } from "./closing.ts";
import { openRound } from "./opening.ts";
import { passOn } from "./passing.ts";
import { prewarm } from "./prewarming.ts";
import type { Act, World } from "./world.ts";

/**
 * What a task does when it comes, and the moment of that; null for what a simulation has nothing to do for.
 */
type Scheduled = { readonly atMs: number; readonly act: Act } | null;

/** One for each row of the protocol's tasks. */
type Interpreter = { readonly [K in TaskKind]: (command: CommandOf<K>, world: World) => Scheduled };

const INTERPRETER: Interpreter = {
  // A simulated run begins prepared.
  prepare: () => null,
  "open-round": ({ atMs, request }, world) => ({
    atMs: atMs ?? world.nowMs + world.input.population.openDelayMs(world.run.round),
    act: () => openRound(world, request),
  }),
  invoke: ({ round, clientId }, world) => ({
    atMs: world.nowMs + world.input.population.dispatchMs,
    act: () => deliver(world, round, clientId, 1),
  }),
  "close-round": ({ atMs, round, pass }, world) => ({
    atMs,
    act: () => closeAtDeadline(world, round, pass),
  }),
  "pass-on": ({ atMs, round, group }, world) => ({ atMs, act: () => passOn(world, round, group) }),
  prewarm: ({ round }, world) => ({ atMs: world.nowMs, act: () => prewarm(world, round) }),
  warm: ({ round, clientId }, world) => ({
    atMs: world.nowMs + world.input.population.dispatchMs,
    act: () => {
      world.input.population.warm({ clientId, round, atMs: world.nowMs });
      return [];
    },
  }),
  aggregate: ({ round }, world) => ({ atMs: world.nowMs, act: () => aggregate(world, round) }),
  evaluate: ({ round, version }, world) => ({
    atMs: world.nowMs,
    act: () => evaluate(world, round, version),
  }),
  // Simulated clients can do whatever a run asks.
  "check-client": () => null,
  check: () => null,
  // Nobody asks a simulation for scores of its own.
  score: () => null,
  // A simulated run settles its last calls as it ends, and leaves no objects behind.
  sweep: () => null,
};

/** Schedules what a command stands for. */
export function perform(world: World, command: Command): void {
  const event = eventOf(command.kind, command, world);
  if (event !== null) world.schedule(event.atMs, event.act);
}

function eventOf<K extends TaskKind>(kind: K, command: CommandOf<K>, world: World): Scheduled {
  return INTERPRETER[kind](command, world);
}
