// Rounds of tiers that do not wait for each other keep the invariants of the protocol, in every order of
// events.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../support/tier.ts";
import { play, worldOf } from "./play.ts";
import { BEGIN, CLIENT_IDS, stepsArbitrary, tieredSpecArbitrary } from "./world/steps.ts";

describe("the protocol of rounds in tiers", () => {
  it("keeps its invariants in every order of events, and a run comes to its end", () => {
    fc.assert(
      fc.property(tieredSpecArbitrary(6), stepsArbitrary(true, false, 200), (parts, some) => {
        play(worldOf(parts), [...BEGIN, ...some]);
      }),
      { numRuns: runs(100) },
    );
  });

  it("and where a tier has no clients of its own, and runs are cancelled", () => {
    fc.assert(
      fc.property(tieredSpecArbitrary(6), stepsArbitrary(true, true, 120), (parts, some) => {
        play(worldOf(parts, { clientIds: CLIENT_IDS.slice(0, 2) }), [...BEGIN, ...some]);
      }),
      { numRuns: runs(100) },
    );
  });

  it("where nothing is lost, the watchdog finds nothing", () => {
    fc.assert(
      fc.property(tieredSpecArbitrary(6), stepsArbitrary(false, true, 120), (parts, some) => {
        const world = worldOf(parts);
        for (const one of [...BEGIN, ...some]) {
          if (one.kind !== "watch" || !world.isAtWork()) world.perform(one);
        }
        expect(world.settle(() => undefined)).toBe(true);
        expect(world.watchdogFound).toBe(0);
      }),
      { numRuns: runs(40) },
    );
  });
});
