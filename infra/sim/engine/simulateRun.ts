// Simulates one run from its first round to its last: the core's decisions under a virtual clock.
import { pendingCommands } from "../../../shared/core/round/control.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { perform } from "./perform.ts";
import { createWorld, type SimulationInput } from "./world.ts";

export interface SimulatedRun {
  readonly run: Run;
  /** How often each client was invoked, by ascending id. */
  readonly invocations: readonly number[];
}

/**
 * The run at its end: completed, paused with the reason where no round can open any more, or as it is when
 * the time is over. The same input gives the same output;
 * O(rounds * (clients + cohort log cohort)) beside the strategy's own work.
 */
export async function simulateRun(input: SimulationInput): Promise<SimulatedRun> {
  const world = createWorld(input);
  const endMs = world.nowMs + (input.untilMs ?? Number.POSITIVE_INFINITY);
  for (const command of pendingCommands(world.run)) perform(world, command);
  while (world.run.status === "running") {
    const event = world.next();
    if (event === undefined || event.atMs > endMs) break;
    world.nowMs = event.atMs;
    const asked = event.act();
    // Most events are over at once; waiting for each would cost more than the event.
    for (const command of asked instanceof Promise ? await asked : asked) perform(world, command);
  }
  return { run: world.run, invocations: world.roster.invocations() };
}
