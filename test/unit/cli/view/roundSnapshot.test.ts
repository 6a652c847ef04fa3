// Snapshots: what an open round counts by its invocations and a closed one by itself.
import { describe, expect, it } from "vitest";
import { runSnapshotOf, snapshotOf } from "../../../../infra/cli/view/roundSnapshot.ts";
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import { OPENED_AT, openRun } from "./fixtures.ts";

const { run, round, invocations } = openRun();
const [first, second, third] = invocations;
if (first === undefined || second === undefined || third === undefined) throw new Error("no cohort");

describe("snapshotOf", () => {
  it("counts a round in training by its invocations", () => {
    const answers: Invocation[] = [
      { ...first, status: "reported", coldStart: true, costUsd: 0.001 },
      { ...second, status: "training", coldStart: false },
      third,
    ];
    expect(snapshotOf(round, answers, OPENED_AT + 2_500)).toEqual({
      round: 1,
      status: "training",
      invoked: 3,
      training: 1,
      reported: 1,
      late: 0,
      failed: 0,
      missed: 0,
      coldStarts: 1,
      accuracy: null,
      loss: null,
      eur: null,
      costUsd: 0.001,
      wallSeconds: 2.5,
      deadlineSeconds: 60,
      closeReason: null,
    });
  });

  it("knows no cost before the first report", () => {
    expect(snapshotOf(round, invocations, OPENED_AT)).toMatchObject({ costUsd: null, wallSeconds: 0 });
  });

  it("never shows a negative time when the clocks differ", () => {
    expect(snapshotOf(round, invocations, OPENED_AT - 5_000).wallSeconds).toBe(0);
  });

  it("counts a deadline's extension", () => {
    const extended = { ...round, extended: true, deadlineAt: OPENED_AT + 120_000 };
    expect(snapshotOf(extended, invocations, OPENED_AT).deadlineSeconds).toBe(120);
  });

  it.each([
    ["rejected", { failed: 1 }],
    ["failed", { failed: 1 }],
    ["missed", { missed: 1 }],
    ["late", { missed: 1 }],
    ["expired", { missed: 1 }],
    ["consumed", { reported: 1 }],
    ["invoked", { training: 0, reported: 0, failed: 0, missed: 0 }],
  ] as const)("while updates are folded, %s counts as it should", (status, counts) => {
    const folding = { ...round, status: "aggregating" as const };
    expect(snapshotOf(folding, [{ ...first, status }], OPENED_AT)).toMatchObject(counts);
  });

  it("takes a closed round's own counts, and a refused update for a failure", () => {
    const closed = {
      ...round,
      status: "closed" as const,
      closeReason: "deadline" as const,
      counts: { invoked: 8, inTime: 5, late: 2, failed: 1, rejected: 1, missed: 1, coldStarts: 4 },
      eur: 0.625,
      costUsd: 0.02,
      accuracy: 0.5,
      timings: { ...round.timings, wallMs: 61_500 },
      closedAt: OPENED_AT + 61_500,
    };
    expect(snapshotOf(closed, invocations, OPENED_AT + 999_999)).toMatchObject({
      invoked: 8,
      training: 0,
      reported: 5,
      late: 2,
      failed: 2,
      missed: 1,
      coldStarts: 4,
      costUsd: 0.02,
      wallSeconds: 61.5,
    });
  });

  it("has what the round's clients score: their accuracy, or else their loss", () => {
    const loss = { mean: 2, worstDecile: 3, spread: 0.5, clients: 4 };
    const accuracy = { mean: 0.5, spread: 0.1, clients: 4 };
    const scored = (metrics: NonNullable<typeof round.federated>["metrics"]) =>
      snapshotOf({ ...round, federated: { version: 0, clients: 4, samples: 40, metrics } }, [], OPENED_AT);
    expect(scored({ accuracy, loss }).atClients).toEqual({
      metric: "accuracy",
      mean: 0.5,
      worst: null,
      spread: 0.1,
    });
    expect(scored({ loss }).atClients).toEqual({ metric: "loss", mean: 2, worst: 3, spread: 0.5 });
    expect(scored({ other: loss })).not.toHaveProperty("atClients");
  });

  it("stops the time of a cancelled round and counts its invocations", () => {
    const cancelled = {
      ...round,
      status: "cancelled" as const,
      closeReason: "cancelled" as const,
      closedAt: OPENED_AT + 3_000,
    };
    const snapshot = snapshotOf(cancelled, [{ ...first, status: "reported" }], OPENED_AT + 60_000);
    expect(snapshot).toMatchObject({ wallSeconds: 3, reported: 1, missed: 0 });
  });

  it("leaves its input alone", () => {
    const before = structuredClone({ round, invocations });
    snapshotOf(round, invocations, OPENED_AT + 1);
    expect({ round, invocations }).toEqual(before);
  });
});

describe("runSnapshotOf", () => {
  it("takes the run's totals", () => {
    expect(runSnapshotOf(run)).toEqual({
      status: "preparing",
      modelVersion: null,
      accuracy: null,
      loss: null,
      eur: null,
      costUsd: 0,
    });
  });
});
