// Unusable versions: how they are recognised, and from which version the run goes on.
import { describe, expect, it } from "vitest";
import { recordEvaluation } from "../../../shared/core/round/evaluation.ts";
import { planRound } from "../../../shared/core/round/open.ts";
import {
  afterScore,
  judgeVersion,
  lastIdleState,
  setBack,
  versionMadeBy,
  versionToMake,
  whyUnusable,
} from "../../../shared/core/round/setBack.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { buildRound, buildRun, deepFreeze, T0 } from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const tensor = (...values: number[]) => [
  { name: "first", shape: [1], values: Float32Array.of(0) },
  { name: "kernel", shape: [values.length], values: Float32Array.from(values) },
];
const closed = (round: number, baseVersion: number, newVersion: number) =>
  deepFreeze(buildRound({ round, status: "closed", baseVersion, newVersion, costUsd: 0 }));
const run = deepFreeze(buildRun({ status: "running", round: 3, modelVersion: 3 }));

describe("judgeVersion", () => {
  it.each([
    [0, "sound"],
    [1e4, "sound"],
    [-1e4, "sound"],
    [1.0001e4, "doubtful"],
    [-3e38, "doubtful"],
    [Number.NaN, "broken"],
    [Number.POSITIVE_INFINITY, "broken"],
    [Number.NEGATIVE_INFINITY, "broken"],
  ])("of a version that holds %d is %s, wherever it stands", (value, kind) => {
    for (const at of [0, 1, 2]) {
      const values = [0.5, 0.5, 0.5];
      values[at] = value;
      const verdict = judgeVersion(tensor(...values));
      expect(verdict.kind).toBe(kind);
      if (verdict.kind === "broken")
        expect(verdict.reason).toContain(`"kernel" would hold ${value} at index ${at}`);
      if (verdict.kind === "doubtful") expect(verdict.reason).toContain('"kernel"');
    }
  });

  it("sees a NaN beside larger values", () => {
    expect(judgeVersion(tensor(1e30, Number.NaN, 1)).kind).toBe("broken");
  });
});

describe("setBack", () => {
  it("goes on from the base of the round that made the version", () => {
    const after = setBack(run, closed(3, 2, 3), 3, "its loss is NaN");
    expect(after).toEqual({
      ...run,
      modelVersion: 2,
      setBacks: [{ version: 3, round: 3, goodVersion: 2, reason: "its loss is NaN" }],
    });
    expect(isValid(Run, after)).toBe(true);
    expect(setBack(after, closed(3, 2, 3), 3, "again")).toBe(after);
    expect(whyUnusable(after, 3)).toBe("version 3 of the model cannot be used: its loss is NaN");
    expect(whyUnusable(after, 2)).toBeNull();
    expect(whyUnusable(run, 3)).toBeNull();
  });

  it("leaves a newer version, and goes back past every bad one when that is bad as well", () => {
    const newer = { ...run, round: 4, modelVersion: 4 };
    const first = setBack(newer, closed(3, 2, 3), 3, "x");
    expect(first.modelVersion).toBe(4);
    expect(setBack(first, closed(4, 3, 4), 4, "y")).toMatchObject({ modelVersion: 2 });
  });

  it("gives the next version a number of its own", () => {
    const after = setBack(run, closed(3, 2, 3), 3, "x");
    expect(versionToMake(after, 2)).toEqual({ makesVersion: 4 });
    const { round } = planRound(
      after,
      { round: 4, baseVersion: 2 },
      { selection: { cohort: [], considered: [] }, clients: new Map(), rosterAsOfAt: 0, openUsd: 0 },
      T0,
    );
    expect(versionMadeBy(round)).toBe(4);
    expect(isValid(Round, round)).toBe(true);
    // Once a good version is there, numbers follow their base again.
    expect(versionToMake(after, 4)).toEqual({});
    expect(versionToMake(run, 3)).toEqual({});
    expect(versionMadeBy(closed(3, 2, 3))).toBe(3);
  });

  it("keeps a bounded list", () => {
    let after: Run = run;
    for (let version = 3; version < 60; version++) {
      after = setBack(
        { ...after, modelVersion: version },
        closed(version, 2, version),
        version,
        "x".repeat(9_999),
      );
    }
    expect(after.setBacks).toHaveLength(20);
    expect(JSON.stringify(after.setBacks).length).toBeLessThan(20_000);
    expect(after.modelVersion).toBe(2);
  });
});

describe("a score that is not a number", () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])("sets the run back: %d", (loss) => {
    const score = { accuracy: 0.1, loss, evaluateMs: 5, costUsd: 0.25 };
    const { run: after, round } = recordEvaluation(run, closed(3, 2, 3), 3, score, T0);
    expect(round).toMatchObject({ accuracy: null, loss: null, costUsd: 0.25 });
    expect(round.unscoredReason).toBe(
      `Version 3 cannot be used: its loss on the evaluation data is ${loss}.`,
    );
    expect(after).toMatchObject({ modelVersion: 2, best: null, accuracy: null, evaluatedVersion: null });
    expect(after.totals.costUsd).toBe(0.25);
    expect(isValid(Run, after) && isValid(Round, round)).toBe(true);
  });
});

describe("afterScore", () => {
  const waiting = deepFreeze(buildRun({ status: "running", round: 3, modelVersion: 3, openRound: null }));

  it("asks for the next round where the run waited for the score", () => {
    expect(afterScore(waiting, closed(3, 2, 3)).openRequest).toEqual({ number: 1, pending: true });
  });

  it.each([
    ["a round is open", { openRound: 4, round: 4 }],
    ["one is asked for", { openRequest: { number: 1, pending: true } }],
    ["it is paused", { status: "paused" as const }],
    ["it is over", { status: "completed" as const }],
    ["a later round was the last", { round: 4 }],
  ])("leaves the run where %s", (_, change) => {
    const other = deepFreeze({ ...waiting, ...change });
    expect(afterScore(other, closed(3, 2, 3))).toBe(other);
  });
});

it("keeps the state of every version that a run can still be set back to", () => {
  // 20 set-backs are kept: of versions 1 to 22 the last 21 may be needed, and the first may not.
  expect([1, 20, 21, 22, 100].map(lastIdleState)).toEqual([-20, -1, 0, 1, 79]);
});
