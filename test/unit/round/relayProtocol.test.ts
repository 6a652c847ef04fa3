// Relays keep the invariants of the protocol, in every order of events.
import { describe, expect, it } from "vitest";
import { worldOf } from "./play.ts";
import { keepsTheProtocol } from "./protocolSuite.ts";
import { BEGIN, relaySpecArbitrary, type Step } from "./world/steps.ts";

describe("the protocol of relays", () => {
  keepsTheProtocol({ specs: relaySpecArbitrary(3), cases: 50, steps: 120, few: 3, relays: true });

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
