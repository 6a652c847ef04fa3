// Plays steps on a world and holds it to the invariants, after every step and once everything has settled.
import { buildSpec } from "../../support/builders.ts";
import { checkInvariants, checkPrompt, checkSettled } from "./invariants.ts";
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

/** The same where no function dies and no task vanishes, and the watchdog looks only while none is at work. */
export function playPromptly(world: World, steps: Iterable<Step>): void {
  const check = () => checkPrompt(world.documents());
  for (const one of steps) {
    // In the middle of its steps, a function has yet to ask for what follows from them.
    if (one.kind === "watch" && world.isAtWork()) continue;
    world.perform(one);
    check();
  }
  if (!world.settle(check)) throw new Error("it comes to no end");
}
