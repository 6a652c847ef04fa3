// The state machine under every order of events that fast-check finds: whatever happens, the invariants hold;
// and once no function dies any more, the run comes to an end.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../support/tier.ts";
import { play, worldOf } from "./play.ts";
import { keepsTheProtocol } from "./protocolSuite.ts";
import { BEGIN, type Step, specArbitrary, stepsArbitrary } from "./world/steps.ts";

describe("the round protocol", () => {
  keepsTheProtocol({ specs: specArbitrary(6), cases: 60, few: 3 });

  it("and when an operator cancels it at any moment", () => {
    fc.assert(
      fc.property(
        specArbitrary(6),
        stepsArbitrary({ losses: true, cancels: true }, 60),
        stepsArbitrary({ losses: true, cancels: true }, 30),
        (parts, some, rest) => {
          const world = worldOf(parts);
          let before = "pending";
          const cancelAmongThem = function* (): Generator<Step> {
            yield* [...BEGIN, ...some];
            before = world.documents().run.status;
            yield { kind: "operate", action: "cancel", dies: false };
            yield* rest;
          };
          play(world, cancelAmongThem());
          const wasOver = before === "completed" || before === "failed" || before === "cancelled";
          expect(world.documents().run.status).toBe(wasOver ? before : "cancelled");
        },
      ),
      { numRuns: runs(40) },
    );
  });

  it("a run where nothing goes wrong has all its rounds, and every update in the model", () => {
    const world = worldOf({ selection: { strategy: "random", cohortSize: 3 }, stop: { rounds: 4 } });
    play(world, BEGIN);
    const { run, rounds, invocations } = world.documents();
    expect(run).toMatchObject({ status: "completed", round: 4, modelVersion: 4, eur: 1, accuracy: 0.04 });
    expect(rounds.map(({ status, closeReason }) => `${status}: ${closeReason}`)).toEqual(
      Array.from({ length: 4 }, () => "closed: all-reported"),
    );
    expect(invocations.every(({ status }) => status === "consumed")).toBe(true);
  });

  it("a run all of whose tasks vanish at every turn comes to the same end by its watchdog", () => {
    const world = worldOf({ selection: { strategy: "random", cohortSize: 3 }, stop: { rounds: 2 } });
    for (const one of BEGIN) world.perform(one);
    for (let turn = 0; turn < 60 && !world.documents().run.swept; turn++) {
      world.perform({ kind: "purge", pick: null });
      world.perform({ kind: "wait", ms: 60_000 });
      world.perform({ kind: "watch" });
      while (world.tasks().length > 0) {
        world.perform({ kind: "deliver", pick: 0, stale: false, dies: false });
        while (world.isAtWork()) world.perform({ kind: "work", pick: 0, dies: false });
        world.perform({
          kind: "report",
          pick: 0,
          result: "update",
          stale: false,
          twice: false,
          dies: false,
        });
        if (turn % 2 === 0) world.perform({ kind: "purge", pick: null });
      }
    }
    const { run } = world.documents();
    expect(run).toMatchObject({ status: "completed", round: 2, swept: true });
    expect(world.watchdogFound).toBeGreaterThan(2);
  });

  it("what comes late joins the next round, and is counted there", () => {
    const world = worldOf({
      selection: { strategy: "random", cohortSize: 3 },
      round: { minUpdates: 2 },
      stop: { rounds: 2 },
    });
    const next = (of: "open-round" | "invoke" | "close-round" | "aggregate"): Step => ({
      kind: "deliver-one",
      of,
      pick: 0,
      stale: false,
      dies: false,
    });
    const reports: Step = {
      kind: "report",
      pick: 0,
      result: "update",
      stale: false,
      twice: true,
      dies: false,
    };
    const works: Step[] = Array.from({ length: 14 }, () => ({ kind: "work", pick: 0, dies: false }));
    const invites = [next("open-round"), next("invoke"), next("invoke"), next("invoke")];
    const firstRound = [...invites, reports, reports, next("close-round"), next("aggregate"), ...works];
    play(world, [...BEGIN, ...firstRound, ...invites, reports]);

    const { run, rounds, invocations } = world.documents();
    const [first, second] = rounds;
    const late = first?.outcomes.find(({ result }) => result === "missed")?.clientId;
    expect(first).toMatchObject({ status: "closed", closeReason: "deadline", eur: 2 / 3 });
    expect(second).toMatchObject({ status: "closed", eur: 1, counts: { inTime: 3, late: 1 } });
    expect(second?.consumed.find(({ clientId }) => clientId === late)).toMatchObject({
      round: 1,
      staleness: 1,
      weight: 0.5 / 3.5, // FedLesScan's 1 / 2 beside three updates of as many samples.
    });
    expect(second?.outcomes.at(-1)).toMatchObject({ clientId: late, round: 1, result: "late" });
    expect(invocations.every(({ status }) => status === "consumed")).toBe(true);
    expect(run.totals).toMatchObject({ invoked: 6, inTime: 5, late: 1 });
  });
});
