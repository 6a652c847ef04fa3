// The object that `--out` writes: its sums and its schema.
import { describe, expect, it } from "vitest";
import { DemoReport, demoReport } from "../../../../infra/cli/view/demoReport.ts";
import { CLOSED, openRun, ROUGH } from "./fixtures.ts";

const facts = { wallSeconds: 130.5, backend: "native", firestore: "embedded" };

describe("demoReport", () => {
  it("sums the rounds and takes accuracy, EUR and cost from the run", () => {
    const { run } = openRun();
    const done = { ...run, accuracy: 0.8, eur: 0.875, totals: { ...run.totals, costUsd: 0.006 } };
    const report = demoReport({ run: done, rounds: [CLOSED, ROUGH], ...facts });
    expect(report).toEqual({
      runId: "demo-1",
      strategy: "random",
      rounds: 2,
      accuracy: 0.8,
      loss: null,
      eur: 0.875,
      costUsd: 0.006,
      wallSeconds: 130.5,
      invocations: 16,
      coldStarts: 8,
      late: 1,
      failed: 1,
      backend: "native",
      firestore: "embedded",
      perRound: [CLOSED, ROUGH],
    });
    expect(DemoReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  it("is a valid report of a run that has no round", () => {
    const report = demoReport({ run: openRun().run, rounds: [], ...facts });
    expect(DemoReport.parse(report)).toMatchObject({
      rounds: 0,
      invocations: 0,
      accuracy: null,
      perRound: [],
    });
  });

  it("refuses unknown keys and impossible figures", () => {
    const report = demoReport({ run: openRun().run, rounds: [CLOSED], ...facts });
    expect(DemoReport.safeParse({ ...report, extra: 1 }).success).toBe(false);
    expect(DemoReport.safeParse({ ...report, accuracy: 1.01 }).success).toBe(false);
    expect(DemoReport.safeParse({ ...report, failed: -1 }).success).toBe(false);
  });
});
