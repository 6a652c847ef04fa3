// Plays steps on a world and holds it to the invariants, after every step and once everything has settled.
import { buildSpec } from "../../support/builders.ts";
import { checkInvariants, checkSettled } from "./invariants.ts";
import { CLIENT_IDS, type Step } from "./world/steps.ts";
import { World, type WorldOptions } from "./world.ts";

export function worldOf(parts: Record<string, unknown>, options: Partial<WorldOptions> = {}): World {
  return new World({ spec: buildSpec(parts), clientIds: CLIENT_IDS, ...options });
}

export function play(world: World, steps: Iterable<Step>): void {
  let before = world.documents();
  const check = () => {
    const after = world.documents();
    if (after === before) return;
    checkInvariants(before, after);
    before = after;
  };
  for (const one of steps) {
    world.perform(one);
    check();
  }
  if (!world.settle(check)) throw new Error("it comes to no end");
  checkSettled(world.documents());
}
