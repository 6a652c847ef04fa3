// The stop rule: its three parts, each bound inclusive, and which comes first.
import { describe, expect, it } from "vitest";
import { stopReason } from "../../../shared/core/round/stop.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { buildRun, buildSpec, deepFreeze } from "../../support/builders.ts";

const stopping = (stop: object, overrides: Partial<Run> = {}) =>
  stopReason(
    deepFreeze(buildRun({ status: "running", spec: buildSpec({ stop, ...byLoss(stop) }), ...overrides })),
  );
const byLoss = (stop: object) => ("targetLoss" in stop ? { evaluation: { metric: "loss" } } : {});
const best = (accuracy: number) => ({ version: 3, accuracy, round: 4 });
const spent = (costUsd: number) => ({
  invoked: 9,
  inTime: 9,
  late: 0,
  failed: 0,
  rejected: 0,
  missed: 0,
  costUsd,
  preparationUsd: 0,
  wallMs: 1,
});

describe("stopReason", () => {
  it.each([
    [9, null],
    [10, "all 10 rounds are done"],
    [11, "all 10 rounds are done"],
  ])("after %i of 10 rounds", (round, reason) => {
    expect(stopping({ rounds: 10 }, { round })).toBe(reason);
  });

  it.each([
    [null, null],
    [0.89999, null],
    [0.9, "accuracy 0.9000 reached the target 0.9 in round 4"],
    [0.95, "accuracy 0.9500 reached the target 0.9 in round 4"],
  ])("with a best accuracy of %s where 0.9 is wanted", (accuracy, reason) => {
    expect(stopping({ targetAccuracy: 0.9 }, { best: accuracy === null ? null : best(accuracy) })).toBe(
      reason,
    );
  });

  it.each([
    [{ accuracy: null, loss: null }, null],
    [{ accuracy: null, loss: 0.21 }, null],
    [{ accuracy: 1, loss: 0.2 }, "loss 0.2000 reached the target 0.2 in round 4"],
    [{ accuracy: null, loss: 0.1 }, "loss 0.1000 reached the target 0.2 in round 4"],
  ])("with a best version of %j where a loss of 0.2 is wanted", (score, reason) => {
    expect(stopping({ targetLoss: 0.2 }, { best: { version: 3, round: 4, ...score } })).toBe(reason);
  });

  it.each([
    ["f1", 0.8, 0.79, null],
    ["f1", 0.8, 0.8, "f1 0.8000 reached the target 0.8 in round 4"],
    ["perplexity", 20, 20.5, null],
    ["perplexity", 20, 20, "perplexity 20.00 reached the target 20 in round 4"],
  ])("with a target of %s %f and a best of %f", (metric, value, reached, reason) => {
    const best = { version: 3, round: 4, accuracy: null, loss: 1, metrics: { [metric]: reached } };
    expect(stopping({ target: { metric, value } }, { best })).toBe(reason);
    expect(stopping({ target: { metric, value } }, { best: { ...best, metrics: {} } })).toBeNull();
    expect(stopping({ target: { metric, value } }, { best: null })).toBeNull();
  });

  it("goes on where the best version has no accuracy", () => {
    const none = { version: 3, round: 4, accuracy: null };
    expect(stopping({ targetAccuracy: 0.1 }, { best: none })).toBeNull();
  });

  it("counts the best accuracy, not the latest", () => {
    expect(stopping({ targetAccuracy: 0.9 }, { best: best(0.9), accuracy: 0.1 })).not.toBeNull();
    expect(stopping({ targetAccuracy: 0.9 }, { best: best(0.8), accuracy: 0.95 })).toBeNull();
  });

  it.each([
    [0, null],
    [0.99, null],
    [1, "cost 1.000000 USD reached the budget of 1 USD"],
    [1.5, "cost 1.500000 USD reached the budget of 1 USD"],
  ])("with %f USD spent of 1", (costUsd, reason) => {
    expect(stopping({ budgetUsd: 1 }, { totals: spent(costUsd) })).toBe(reason);
  });

  it.each([
    [0.4, null],
    [0.5, "cost 1.000000 USD, 0.500000 of it for calls that go on, reached the budget of 1 USD"],
  ])("counts what calls that go on have cost: %f USD beside 0.5 of 1", (outstandingUsd, reason) => {
    const run = buildRun({
      status: "running",
      spec: buildSpec({ stop: { budgetUsd: 1 } }),
      totals: spent(0.5),
    });
    expect(stopReason(deepFreeze(run), outstandingUsd)).toBe(reason);
  });

  it("goes on for ever better and dearer where neither is limited", () => {
    expect(stopping({}, { round: 3, best: best(1), totals: spent(1e6) })).toBeNull();
  });

  it("reports the rounds first, then the accuracy, then the cost", () => {
    const all = { rounds: 1, targetAccuracy: 0.5, budgetUsd: 1 };
    const state = { round: 1, best: best(0.5), totals: spent(1) };
    expect(stopping(all, state)).toContain("rounds");
    expect(stopping(all, { ...state, round: 0 })).toContain("accuracy");
    expect(stopping(all, { ...state, round: 0, best: null })).toContain("budget");
  });
});
