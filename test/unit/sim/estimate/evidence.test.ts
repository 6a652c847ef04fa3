// Calls that were seen, as this run's work: checks and invocations of another run.
import { describe, expect, test } from "vitest";
import { leavingOf, placeOf } from "../../../../infra/sim/estimate/egress.ts";
import { seenCheck, seenInvocation, stepsOf, workRatio } from "../../../../infra/sim/estimate/evidence.ts";
import { seenRounds } from "../../../../infra/sim/estimate/seenRounds.ts";

const work = { localEpochs: 2, batchSize: 32, stepMs: 10 };
const facts = { coldStartMs: 1_000, dataMs: 50, samples: 100, steps: 4, stepMs: 20, warmUpMs: 300 };
const check = {
  clientId: "a",
  status: "passed",
  askedAt: 0,
  claimedAt: 900,
  endedAt: 2_000,
  facts,
};

describe("a check", () => {
  test("is a call with the steps that the run asks for, and all else that it did", () => {
    // Of 1,000 ms of cold start 900 were before the claim; 380 of the others were steps, 300 of these for the
    // first time.
    expect(seenCheck(check, work, work)).toMatchObject({
      coldMs: 1_000,
      trainMs: 2 * 4 * 20,
      otherMs: 1_100 - 100 - 80 - 300,
      warmUpMs: 300,
      outcome: "update",
      basis: "check",
    });
  });

  test("for another model tells of this one by its usual steps; for none it tells nothing of training", () => {
    expect(seenCheck(check, { ...work, stepMs: 5 }, work)?.trainMs).toBe(2 * 4 * 20 * 2);
    const none = { ...check, facts: { ...facts, steps: 0, stepMs: null, warmUpMs: null } };
    expect(seenCheck(none, null, work)).toMatchObject({ trainMs: null, otherMs: 1_000 });
  });

  test("that is not over says nothing; one that was not answered says that the client is silent", () => {
    expect(seenCheck({ ...check, status: "running" }, work, work)).toBeNull();
    const silent = { ...check, status: "unanswered", facts: null, claimedAt: null };
    expect(seenCheck(silent, work, work)).toMatchObject({ outcome: "silence", trainMs: null, otherMs: null });
    expect(seenCheck({ ...check, status: "failed" }, work, work)?.outcome).toBe("failure");
  });
});

describe("an invocation of another run", () => {
  const invocation = {
    round: 3,
    clientId: "a",
    status: "consumed" as const,
    coldStart: false,
    timings: { coldStartMs: 0, trainMs: 600 },
    invokedAt: 0,
    claimedAt: 100,
    reportedAt: 1_100,
    endedAt: null,
  };
  test("counts by the work that it did", () => {
    const half = { localEpochs: 1, batchSize: 64, stepMs: 10 };
    expect(workRatio(half, work)).toBe(4);
    expect(seenInvocation(invocation, half, work)).toMatchObject({
      trainMs: 2_400,
      otherMs: 400,
      group: "round 3",
    });
  });

  test("that was missed after its claim is silent; one that was never claimed says nothing of its client", () => {
    const missed = { ...invocation, status: "missed" as const, timings: null, reportedAt: null };
    expect(seenInvocation(missed, work, work)?.outcome).toBe("silence");
    expect(seenInvocation({ ...missed, claimedAt: null }, work, work)).toBeNull();
    expect(seenInvocation({ ...invocation, status: "failed" }, work, work)).toMatchObject({
      outcome: "failure",
      trainMs: null,
    });
  });
});

test("stepsOf counts the last, smaller batch", () => {
  expect(stepsOf(65, work)).toBe(6);
  expect(stepsOf(64, work)).toBe(4);
});

describe("seenRounds", () => {
  const costs = { coordinatorUsd: 2, aggregatorUsd: 3, evaluatorUsd: 4 } as never;
  const round = (
    number: number,
    openedAt: number,
    closedAt: number | null,
    newVersion: number | null = number,
  ) => ({
    round: number,
    openedAt,
    aggregatingAt: closedAt === null ? null : closedAt - 100,
    closedAt,
    newVersion,
    costs,
  });

  test("takes what passed between rounds, and not where the run stood still", () => {
    const rounds = [
      round(1, 500, 2_000),
      round(2, 2_600, 4_000),
      round(3, 94_000, 95_000, null),
      round(4, 95_600, null),
    ];
    const seen = seenRounds({ startedAt: 0, endedAt: null, status: "running" }, rounds);
    expect(seen.map(({ openDelayMs }) => openDelayMs)).toEqual([500, 600, null]);
    expect(seen.map(({ aggregateMs }) => aggregateMs)).toEqual([100, 100, null]);
    expect(seen[0]).toMatchObject({ coordinatorUsd: 2, aggregatorUsd: 3, evaluatorUsd: 4 });
  });

  test("of a window, nothing is known of what was before it", () => {
    const seen = seenRounds({ startedAt: 0, endedAt: null, status: "running" }, [round(5, 9_000, 9_500)]);
    expect(seen[0]?.openDelayMs).toBeNull();
  });
});

test.each([
  ["https://client-123456.europe-west1.run.app/", "europe-west1"],
  ["https://us-central1-hospital.cloudfunctions.net/train", "us-central1"],
  ["http://127.0.0.1:8080/client", "this machine"],
  ["http://localhost:1", "this machine"],
  ["https://client-abc-uc.a.run.app", null],
  ["https://train.clinic.example", null],
  ["no address", null],
])("the place of %s is %s", (address, place) => {
  expect(placeOf(address)).toBe(place);
});

test("egress is of clients in other regions", () => {
  const at = (region: string) => `https://c-1.${region}.run.app`;
  const urls = [at("us-central1"), at("europe-west1"), "https://x.example"];
  expect(leavingOf(at("us-central1"), urls)).toEqual({ near: 1, far: 1, unknown: 1 });
  expect(leavingOf(null, urls)).toEqual({ near: 0, far: 0, unknown: 3 });
});
