// Relays keep the invariants of the protocol, in every order of events.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../support/tier.ts";
import { play, worldOf } from "./play.ts";
import { BEGIN, CLIENT_IDS, relaySpecArbitrary, type Step, stepsArbitrary } from "./world/steps.ts";

describe("the protocol of relays", () => {
  it("keeps its invariants in every order of events, and a run comes to its end", () => {
    fc.assert(
      fc.property(relaySpecArbitrary(3), stepsArbitrary(true, false, 120, true), (parts, some) => {
        play(worldOf(parts), [...BEGIN, ...some]);
      }),
      { numRuns: runs(50) },
    );
  });

  it("and where clients are so few that rounds wait for them, and runs are cancelled", () => {
    fc.assert(
      fc.property(relaySpecArbitrary(3), stepsArbitrary(true, true, 120, true), (parts, some) => {
        play(worldOf(parts, { clientIds: CLIENT_IDS.slice(0, 3) }), [...BEGIN, ...some]);
      }),
      { numRuns: runs(50) },
    );
  });

  it("where nothing is lost, the watchdog finds nothing", () => {
    fc.assert(
      fc.property(relaySpecArbitrary(3), stepsArbitrary(false, true, 120, true), (parts, some) => {
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

  it("a group goes on without a client that is silent, and what comes after its turn counts no more", () => {
    const world = worldOf({
      selection: { strategy: "random", cohortSize: 3 },
      round: { relay: { strategy: "chain", groupSize: 3 }, deadlineSeconds: 60 },
      stop: { rounds: 1 },
    });
    const step = (one: Step) => world.perform(one);
    const deliver = (of: "open-round" | "invoke" | "pass-on") =>
      step({ kind: "deliver-one", of, pick: 0, stale: false, dies: false });
    const report = (pick: number) =>
      step({ kind: "report", pick, result: "update", stale: false, twice: false, dies: false });
    for (const one of BEGIN) step(one);
    deliver("open-round");
    deliver("invoke"); // The first of the group is at work,
    deliver("pass-on"); // and its time is over.
    deliver("invoke"); // The second one begins from the version,
    report(0); // when the first one reports after all.
    report(0);
    deliver("invoke"); // The third one begins from the second's.
    report(0);
    expect(world.settle(() => undefined)).toBe(true);
    const { rounds, invocations } = world.documents();
    const order = rounds[0]?.relay?.groups[0]?.members.map(({ clientId }) => clientId) ?? [];
    const [first, second, third] = order.map((clientId) =>
      invocations.find((one) => one.clientId === clientId),
    );
    expect(rounds[0]).toMatchObject({ status: "closed", closeReason: "all-reported" });
    expect(first).toMatchObject({ status: "expired", relay: { hop: 1 }, failure: { code: "expired" } });
    expect(second).toMatchObject({ status: "consumed", relay: { hop: 2, from: [] } });
    expect(third).toMatchObject({ status: "consumed", relay: { hop: 3, from: [{ clientId: order[1] }] } });
    expect(rounds[0]?.consumed.map(({ group, weight }) => [group, weight])).toEqual([
      [1, 0.5],
      [1, 0.5],
    ]);
    expect(rounds[0]?.outcomes.map(({ clientId, result }) => [clientId, result]).toSorted()).toEqual(
      order.map((clientId, i) => [clientId, i === 0 ? "missed" : "in-time"]).toSorted(),
    );
  });
});
