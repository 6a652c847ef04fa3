// Clients that repeat what a recording says about them.
import { describe, expect, it } from "vitest";
import type { Conduct } from "../../../../infra/sim/population/population.ts";
import type { Recording } from "../../../../infra/sim/replay/recording.ts";
import { referenceOf } from "../../../../infra/sim/replay/reference.ts";
import { replayPopulation } from "../../../../infra/sim/replay/replayPopulation.ts";
import { measuredAt } from "../../../../infra/sim/scenario/scenario.ts";
import {
  buildInvocation,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  T0,
} from "../../../support/builders.ts";

const timings = { aggregateMs: 700, trainingMs: 28_000, evaluateMs: null, wallMs: null };
const recording: Recording = {
  run: buildRun({ spec: buildSpec({ round: { deadlineSeconds: 45 } }), accuracy: 0.8 }),
  rounds: [
    buildRound({
      timings,
      notChosen: [{ clientId: "client-z", reason: "not drawn" }],
      eur: 1,
      costUsd: 0.25,
      closedAt: T0 + 30_000,
    }),
    buildRound({ round: 2, timings, eur: 0.5, costUsd: 0.5, openedAt: T0 + 30_000, closedAt: T0 + 90_000 }),
    buildRound({ round: 3, openedAt: T0 + 90_000 }),
  ],
  invocations: [
    buildReported(),
    buildReported({
      round: 2,
      status: "failed",
      coldStart: false,
      reportedAt: T0 + 4_000,
      update: null,
      training: null,
    }),
    buildInvocation({ clientId: "client-b", claimedAt: T0 + 2_500, attempt: 1 }),
    buildInvocation({ clientId: "client-c" }),
  ],
};

function does(clientId: string, round: number, seed = 1): Conduct {
  return replayPopulation(recording, seed).conduct({ clientId, round, delivery: 1, atMs: 0, workFactor: 1 });
}

describe("a client that is woken on a recorded trace", () => {
  const call = { clientId: "client-a", round: 1, delivery: 1, atMs: 2_000, workFactor: 1 };
  const asItWas = replayPopulation(recording, 1).conduct(call);

  it("has no cold start once it has started, also not what it loaded after its claim", () => {
    const population = replayPopulation(recording, 1);
    population.warm({ clientId: "client-a", round: 1, atMs: 0 });
    const woken = population.conduct(call);
    expect(woken).toMatchObject({ isCold: false, coldStartMs: 0, reportedTimings: { coldStartMs: 0 } });
    // Two seconds to start, one of them after the claim.
    expect(asItWas).toMatchObject({ isCold: true, coldStartMs: 1_000 });
    expect(woken.workMs).toBe(asItWas.workMs - 1_000);
    expect(population.conduct({ ...call, atMs: 1_999 }), "still starting").toEqual(asItWas);
    population.warm({ clientId: "client-c", round: 1, atMs: 0 });
    expect(population.conduct({ ...call, clientId: "client-c" })).toMatchObject({ ending: "unreachable" });
  });

  it("does what it did where the recording woke clients already", () => {
    const spec = buildSpec({ round: { deadlineSeconds: 45, prewarm: {} } });
    const woke = { ...recording, run: { ...recording.run, spec } };
    const population = replayPopulation(woke, 1);
    population.warm({ clientId: "client-a", round: 1, atMs: 0 });
    expect(population.conduct(call)).toEqual(asItWas);
  });
});

describe("a replayed population", () => {
  it("is every client of the recording, with what it says about them", () => {
    const population = replayPopulation(recording, 1);
    expect(population.clientIds).toEqual(["client-a", "client-b", "client-c", "client-z"]);
    expect(population).toMatchObject({ deliveries: { most: 1 }, capacity: { memoryMib: 2_048 } });
    expect([population.samples("client-a"), population.samples("client-z")]).toEqual([10, 10]);
  });

  it("does in a recorded round what it did there", () => {
    const { reportMs: _notReported, ...reportedTimings } = buildReported().timings ?? { reportMs: 0 };
    // Claimed after a second, all of it cold start; the other of its two seconds was part of the work.
    const update = {
      waitMs: 0,
      isCold: true,
      coldStartMs: 1_000,
      workMs: 10_000,
      ending: "update",
      reportedTimings,
    };
    expect(does("client-a", 1)).toEqual(update);
    expect(replayPopulation(recording, 1).learned?.("client-a", 1)).toEqual({ lossBefore: 2, lossAfter: 1 });
    expect(does("client-a", 2)).toMatchObject({
      waitMs: 1_000,
      coldStartMs: 0,
      workMs: 3_000,
      ending: "failure",
    });
    expect(does("client-b", 1)).toMatchObject({ waitMs: 2_500, workMs: 45_000, ending: "silence" });
    expect(does("client-c", 1)).toMatchObject({ ending: "unreachable" });
  });

  it("aggregates and goes on as it did, and in other rounds as it usually did", () => {
    const { aggregateMs, openDelayMs } = replayPopulation(recording, 1);
    expect([1, 2, 3, 9].map(aggregateMs)).toEqual([700, 700, 700, 700]);
    // Thirty seconds from the first opening to the second, sixty to the third: less 28 of training and 0.7.
    expect([0, 1, 2, 3, 9].map(openDelayMs)).toEqual([0, 1_300, 31_300, 31_300, 31_300]);
  });

  it("goes on as long after the report that closed a round as it did", () => {
    const [first, ...rest] = recording.rounds;
    if (first === undefined) throw new Error("no round");
    const closed = { ...first, closeReason: "all-reported" as const };
    const { openDelayMs } = replayPopulation({ ...recording, rounds: [closed, ...rest] }, 1);
    const [reported] = recording.invocations;
    expect(openDelayMs(1)).toBe(30_000 - ((reported?.reportedAt ?? 0) - T0) - 700);
  });

  it("does in any other round what it did in one of its own, by the seed", () => {
    const own = [does("client-a", 1), does("client-a", 2)];
    const drawn = Array.from({ length: 30 }, (_, seed) => does("client-a", 9, seed));
    for (const conduct of drawn) expect(own).toContainEqual(conduct);
    expect(new Set(drawn.map(({ ending }) => ending))).toEqual(new Set(["update", "failure"]));
    expect(does("client-a", 9, 5)).toEqual(does("client-a", 9, 5));
  });

  it("does what one of all the others did where it was never invoked", () => {
    const drawn = Array.from({ length: 60 }, (_, seed) => does("client-z", 1, seed).ending);
    expect(new Set(drawn)).toEqual(new Set(["update", "failure", "silence", "unreachable"]));
  });
});

describe("what a recorded run came to", () => {
  it("stands beside every strategy: means, sums and the time of the rounds that ended", () => {
    const reference = referenceOf(recording);
    const at = (measure: "eur" | "timeMinutes" | "costUsd" | "accuracy") =>
      measuredAt(reference, "any", 0, measure);
    expect([at("eur"), at("timeMinutes"), at("costUsd"), at("accuracy")]).toEqual([0.75, 1.5, 0.75, 0.8]);
  });
});
