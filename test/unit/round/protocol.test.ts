// The state machine under every order of events that fast-check finds: whatever happens, the invariants hold; and once
// nobody dies any more, the run comes to an end.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildSpec } from "../../support/builders.ts";
import { checkInvariants, checkSettled } from "./invariants.ts";
import { type Step, World } from "./world.ts";

const pick = fc.nat({ max: 30 });
const rarely = fc.integer({ min: 0, max: 7 }).map((n) => n === 7);
const sometimes = fc.boolean();
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("deliver" as const), pick, dies: rarely }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("deliver-one" as const),
      of: fc.constantFrom("close-round", "invoke", "invoke", "invoke", "aggregate", "evaluate"),
      pick,
      dies: rarely,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("report" as const),
      pick,
      result: fc.constantFrom(
        "update" as const,
        "update" as const,
        "update" as const,
        "bad-update" as const,
        "failure" as const,
      ),
      stale: sometimes,
      twice: rarely,
      dies: rarely,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("client-dies" as const), pick }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("aggregate" as const), pick, dies: rarely }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("operate" as const),
      action: fc.constantFrom("start", "trigger", "pause", "resume", "start", "trigger"),
      dies: rarely,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat({ max: 700_000 }) }) },
) as fc.Arbitrary<Step>;
const spec = fc
  .record({
    cohortSize: fc.integer({ min: 1, max: 4 }),
    minUpdates: fc.integer({ min: 1, max: 3 }),
    quorum: fc.constantFrom(0.4, 0.7, 1),
    maxRounds: fc.constantFrom(0, 1, 2, 2),
    seed: fc.nat({ max: 3 }),
  })
  .map(({ cohortSize, minUpdates, quorum, maxRounds, seed }) =>
    buildSpec({
      selection: { strategy: "random", cohortSize },
      round: { minUpdates: Math.min(minUpdates, cohortSize), quorum },
      aggregation: { staleness: { weight: "paper", maxRounds } },
      stop: { rounds: 6 },
      seed,
    }),
  );
const begin: readonly Step[] = [
  { kind: "deliver", pick: 0, dies: false },
  { kind: "operate", action: "start", dies: false },
];
const clientIds = Array.from("abcdefghij");

function play(world: World, steps: Iterable<Step>): void {
  let before = world.documents();
  const check = () => {
    const after = world.documents();
    checkInvariants(before, after);
    before = after;
  };
  for (const one of steps) {
    world.perform(one);
    check();
  }
  expect(world.settle(check), "it comes to an end").toBe(true);
}

describe("the round protocol", () => {
  it("keeps its invariants in every order of events, and a run comes to its end", () => {
    fc.assert(
      fc.property(spec, fc.array(step, { maxLength: 120, size: "max" }), (rules, steps) => {
        const world = new World(rules, clientIds);
        play(world, [...begin, ...steps]);
        checkSettled(world.documents());
      }),
      { numRuns: 40 },
    );
  });

  it("and when an operator cancels it at any moment", () => {
    fc.assert(
      fc.property(
        spec,
        fc.array(step, { maxLength: 80, size: "max" }),
        fc.array(step, { maxLength: 30, size: "max" }),
        (rules, steps, rest) => {
          const world = new World(rules, clientIds);
          play(world, [...begin, ...steps, { kind: "operate", action: "cancel", dies: false }, ...rest]);
          checkSettled(world.documents());
          expect(["cancelled", "completed"]).toContain(world.documents().run.status);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("a run where nothing goes wrong has all its rounds, and every update in the model", () => {
    const world = new World(
      buildSpec({ selection: { strategy: "random", cohortSize: 3 }, stop: { rounds: 4 } }),
      clientIds,
    );
    play(world, begin);
    const { run, rounds, invocations } = world.documents();
    expect(run).toMatchObject({ status: "completed", round: 4, modelVersion: 4, eur: 1, accuracy: 0.04 });
    expect(rounds.map(({ status, closeReason }) => `${status}: ${closeReason}`)).toEqual(
      Array.from({ length: 4 }, () => "closed: all-reported"),
    );
    expect(invocations.every(({ status }) => status === "consumed")).toBe(true);
  });

  it("what comes late joins the next round, and is counted there", () => {
    const world = new World(
      buildSpec({
        selection: { strategy: "random", cohortSize: 3 },
        round: { minUpdates: 2 },
        stop: { rounds: 2 },
      }),
      clientIds,
    );
    const next = (of: "open-round" | "invoke" | "close-round" | "aggregate"): Step => ({
      kind: "deliver-one",
      of,
      pick: 0,
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
    const aggregates: Step[] = Array.from({ length: 12 }, () => ({
      kind: "aggregate",
      pick: 0,
      dies: false,
    }));
    const invites = [next("open-round"), next("invoke"), next("invoke"), next("invoke")];
    const firstRound = [...invites, reports, reports, next("close-round"), next("aggregate"), ...aggregates];
    play(world, [...begin, ...firstRound, ...invites, reports]);

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
