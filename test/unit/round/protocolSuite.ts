// What holds of the protocol whatever kind its rounds are of: the same properties for each kind.
import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../support/tier.ts";
import { play, playPromptly, worldOf } from "./play.ts";
import { BEGIN, CLIENT_IDS, stepsArbitrary } from "./world/steps.ts";

export interface KindOfRounds {
  /** The parts of a spec whose rounds are of the kind. */
  readonly specs: fc.Arbitrary<Record<string, unknown>>;
  /** Orders of events that the full tests play of each of the first two properties. */
  readonly cases: number;
  /** Steps of an order at most, where nobody cancels. */
  readonly steps?: number;
  /** How many clients are too few for it. */
  readonly few: number;
  /** Whether turns of a relay come to their deadlines. */
  readonly relays?: boolean;
}

export function keepsTheProtocol({ specs, cases, few, steps = 200, relays = false }: KindOfRounds): void {
  it("keeps its invariants in every order of events, and a run comes to its end", () => {
    fc.assert(
      fc.property(specs, stepsArbitrary({ losses: true, cancels: false, relays }, steps), (parts, some) => {
        play(worldOf(parts), [...BEGIN, ...some]);
      }),
      { numRuns: runs(cases) },
    );
  });

  it("and where clients are so few that rounds wait for them, and runs are cancelled", () => {
    fc.assert(
      fc.property(specs, stepsArbitrary({ losses: true, cancels: true, relays }, 120), (parts, some) => {
        play(worldOf(parts, { clientIds: CLIENT_IDS.slice(0, few) }), [...BEGIN, ...some]);
      }),
      { numRuns: runs(cases) },
    );
  });

  // A relay's clients are those of its round.
  if (!relays)
    it("and where clients leave and come back at any moment", () => {
      fc.assert(
        fc.property(
          specs,
          stepsArbitrary({ losses: true, cancels: true, churn: true }, 120),
          (parts, some) => {
            play(worldOf(parts, { clientIds: CLIENT_IDS.slice(0, 6) }), [...BEGIN, ...some]);
          },
        ),
        { numRuns: runs(cases) },
      );
    });

  it("where nothing is lost, nothing waits for the watchdog or another tier", () => {
    fc.assert(
      fc.property(specs, stepsArbitrary({ losses: false, cancels: true, relays }, 120), (parts, some) => {
        const world = worldOf(parts);
        playPromptly(world, [...BEGIN, ...some]);
        expect(world.watchdogFound).toBe(0);
      }),
      { numRuns: runs(40) },
    );
  });
}
