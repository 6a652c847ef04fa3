// What a watch waits for: how it is written, and when it is over.
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../infra/fedstratus/frame/failures.ts";
import {
  type FailureKind,
  type Goal,
  parseFailures,
  parseGoal,
  verdictOf,
} from "../../../infra/fedstratus/watch/goal.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { buildRun } from "../../support/builders.ts";

test.each<[string, Goal]>([
  ["completed", { kind: "completed" }],
  ["round=1", { kind: "round", round: 1 }],
  ["round=9999", { kind: "round", round: 9_999 }],
  ["accuracy=0", { kind: "accuracy", accuracy: 0 }],
  ["accuracy=1", { kind: "accuracy", accuracy: 1 }],
])("%s is a goal", (text, goal) => {
  expect(parseGoal(text)).toEqual(goal);
});

test.each([
  "",
  "done",
  "round",
  "round=",
  "round=0",
  "round=1.5",
  "round=10000",
  "accuracy=",
  "accuracy=1.01",
  "accuracy=-0.1",
  "accuracy=x",
])("%j is none", (text) => {
  expect(() => parseGoal(text)).toThrow(UsageError);
});

test("kinds of failure have commas between", () => {
  expect(parseFailures("degraded, paused")).toEqual(["paused", "degraded"]);
  for (const text of ["", "rain", "failed,"]) expect(() => parseFailures(text)).toThrow(UsageError);
});

describe("a watch", () => {
  const verdict = (
    goal: Goal,
    run: Partial<Run>,
    failOn: readonly FailureKind[] = [],
    rounds: Parameters<typeof verdictOf>[3] = [],
  ) => verdictOf(goal, failOn, buildRun(run), rounds);
  const completed: Goal = { kind: "completed" };
  const ended = { status: "completed" as const, openRound: null, round: 4, modelVersion: 4 };

  test("for the end is over once the last version is scored, or is known not to be", () => {
    expect(verdict(completed, { status: "running" }).kind).toBe("open");
    expect(verdict(completed, { ...ended, evaluatedVersion: 3 }).kind).toBe("scoring");
    expect(verdict(completed, { ...ended, evaluatedVersion: 4 }).kind).toBe("met");
    expect(verdict(completed, { ...ended, evaluatedVersion: 3, unscoredReason: "no test set" }).kind).toBe(
      "met",
    );
    expect(verdict(completed, { ...ended, modelVersion: 0, evaluatedVersion: null }).kind).toBe("met");
  });

  test("for a round is over when that round is", () => {
    const goal: Goal = { kind: "round", round: 3 };
    expect(verdict(goal, { status: "running", round: 3, openRound: 3 }).kind).toBe("open");
    expect(verdict(goal, { status: "running", round: 4, openRound: 4 }).kind).toBe("met");
    expect(verdict(goal, { status: "ready", round: 3, openRound: null }).kind).toBe("met");
    expect(verdict(goal, { status: "ready", round: 2, openRound: null }).kind).toBe("open");
  });

  test("for an accuracy takes that of the best version, too", () => {
    const goal: Goal = { kind: "accuracy", accuracy: 0.8 };
    const best = { version: 2, accuracy: 0.8, round: 2 };
    expect(verdict(goal, { status: "running", accuracy: 0.79, best: null }).kind).toBe("open");
    expect(verdict(goal, { status: "running", accuracy: 0.8, best: null }).kind).toBe("met");
    expect(verdict(goal, { status: "running", accuracy: 0.7, best }).kind).toBe("met");
    expect(verdict(goal, { status: "running", accuracy: null, best: null }).kind).toBe("open");
  });

  test("fails where the run has ended without it", () => {
    const goal: Goal = { kind: "round", round: 9 };
    expect(verdict(goal, { ...ended, evaluatedVersion: 4 })).toEqual({
      kind: "failed",
      why: expect.stringMatching(/is completed without round 9\.$/),
    });
    for (const status of ["failed", "cancelled"] as const) {
      expect(verdict(completed, { status, statusReason: "too bad." })).toEqual({
        kind: "failed",
        why: expect.stringMatching(new RegExp(`is ${status}: too bad\\.$`)),
      });
    }
  });

  test("fails on what it was told to fail on, and on nothing else", () => {
    const paused = { status: "paused" as const, openRound: null };
    expect(verdict(completed, paused).kind).toBe("open");
    expect(verdict(completed, paused, ["paused"]).kind).toBe("failed");
    const degraded = [{ round: 2, status: "degraded" as const, degradedReason: "1 of 3 updates." }];
    expect(verdict(completed, { status: "running" }, [], degraded).kind).toBe("open");
    expect(verdict(completed, { status: "running" }, ["degraded"], degraded)).toEqual({
      kind: "failed",
      why: "Round 2 is degraded: 1 of 3 updates.",
    });
  });
});
