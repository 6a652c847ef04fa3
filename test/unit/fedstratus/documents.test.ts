// Documents as people read them: what of runs and rounds is shown, and what two runs differ in.
import { describe, expect, test } from "vitest";
import { compareRuns, comparisonLines } from "../../../infra/fedstratus/documents/compareRuns.ts";
import { evaluationLines, evaluationText } from "../../../infra/fedstratus/documents/evaluations.ts";
import { splitModel } from "../../../infra/fedstratus/documents/models.ts";
import { roundLines, whyOf } from "../../../infra/fedstratus/documents/rounds.ts";
import { runColumns, runLines } from "../../../infra/fedstratus/documents/runs.ts";
import { teachersOf } from "../../../infra/fedstratus/documents/teachersOf.ts";
import { onOneLine } from "../../../infra/fedstratus/output/output.ts";
import { buildEvaluation, buildInvocation, buildRound, buildRun } from "../../support/builders.ts";

const NOW = 1_800_000_000_000;

describe("a run", () => {
  test("is shown with what others have written on one line", () => {
    const hostile = "bad\n\u001B[2Jrun\tx";
    const run = buildRun();
    const lines = runLines(
      { ...run, status: "failed", statusReason: hostile, spec: { ...run.spec, name: hostile } },
      NOW,
    );
    expect(lines.join("")).not.toMatch(/[\p{Cc}]/u);
    expect(lines.find((line) => line.startsWith("status"))).toMatch(/failed: bad .*run x$/);
  });

  test("has whole values in a pipe and short ones at a terminal", () => {
    const row = { json: {}, value: { ...buildRun(), accuracy: 0.123456, startedAt: NOW - 120_000 } };
    const column = (key: string) => runColumns(NOW).find((one) => one.key === key);
    expect(column("accuracy")?.text(row)).toBe("0.123456");
    expect(column("startedAt")?.text(row)).toBe(new Date(NOW - 120_000).toISOString());
    const plain = (text: string) => text;
    const palette = { title: plain, faint: plain, good: plain, active: plain, warn: plain, bad: plain };
    expect(column("accuracy")?.short?.(row, palette)).toBe("0.123");
    expect(column("startedAt")?.short?.(row, palette)).toBe("2 min ago");
  });
});

describe("a run of a group", () => {
  const run = { ...buildRun(), teaches: "wards", round: 4 };
  const facts = (lines: readonly string[]) =>
    lines
      .map((line) => line.replace(/ {2,}/, ": "))
      .filter((line) => /^(teaches|learns|not taught)/.test(line));

  test("is shown with its group, the versions that it learns from, and who does not teach", () => {
    const leftOut = Array.from({ length: 7 }, (_, i) => ({ runId: `r-${i}`, reason: "it is cancelled" }));
    const teachers = { versions: [3, 5].map((version) => ({ runId: `t-${version}`, version })), leftOut };
    const [teaches, learns, rest] = facts(runLines(run, NOW, new Map(), teachers));
    expect(teaches).toBe("teaches: group wards");
    expect(learns).toBe("learns from: version 3 of t-3, version 5 of t-5, in round 4");
    expect(rest).toMatch(/^not taught by: r-0 \(it is cancelled\), .*r-4 \(it is cancelled\), and 2 more$/);
  });

  test("learns from labels alone where its last round had no teachers, and from nobody before its first", () => {
    expect(facts(runLines(run, NOW))).toEqual([
      "teaches: group wards",
      "learns from: labels alone, in round 4",
    ]);
    expect(facts(runLines({ ...run, round: 0 }, NOW))).toEqual(["teaches: group wards"]);
    expect(facts(runLines(buildRun(), NOW))).toEqual([]);
  });

  test("has its last round read, and no other run has", async () => {
    const asked: string[] = [];
    const teachers = { versions: [{ runId: "t-3", version: 3 }], leftOut: [] };
    const api = {
      call: async ({ path }: { path: string }) => {
        asked.push(path);
        return { json: null, value: { teachers } };
      },
    } as unknown as Parameters<typeof teachersOf>[1];
    expect(await teachersOf(run, api)).toEqual(teachers);
    expect(asked).toEqual([`/v1/runs/${run.runId}/rounds/4`]);
    for (const other of [{ ...run, round: 0 }, buildRun()])
      expect(await teachersOf(other, api)).toBeUndefined();
    expect(asked).toHaveLength(1);
  });
});

describe("an evaluation", () => {
  const scored = buildEvaluation({
    status: "scored",
    data: "spring",
    metrics: { loss: 0.123456, f1: 0.5, accuracy: 0.75 },
    evaluateMs: 1_250,
    backend: "script",
    costUsd: 0.00125,
  });

  test("is one line: accuracy, loss and the others, or why there is none", () => {
    expect(evaluationText(scored)).toBe("accuracy 0.75, loss 0.12346, f1 0.5 on spring");
    expect(evaluationText(buildEvaluation())).toBe("asked");
    expect(evaluationText(buildEvaluation({ status: "failed", reason: "No data." }))).toBe(
      "failed: No data.",
    );
  });

  test("is one screen", () => {
    expect(evaluationLines(scored).map((line) => line.replace(/ {2,}/, ": "))).toEqual([
      `run: ${scored.runId}`,
      "version: 3",
      "status: scored",
      "test set: spring",
      "accuracy: 0.75",
      "loss: 0.12346",
      "f1: 0.5",
      "took: 1.25 s on script",
      "cost: 0.00125 USD, which is in no total of the run",
    ]);
  });

  test("is shown with its run, the last five by version", () => {
    const all = Array.from({ length: 7 }, (_, version) =>
      buildEvaluation({ version, askedAt: NOW - version }),
    );
    const lines = runLines(buildRun(), NOW, new Map(all.map((one) => [one.version, one])));
    const shown = lines.flatMap((line) => /^evaluation of (\d)/.exec(line)?.[1] ?? []);
    expect(shown).toEqual(["0", "1", "2", "3", "4"]);
  });
});

describe("two runs", () => {
  const a = buildRun();
  const b = { ...a, runId: "other", accuracy: 0.5, spec: { ...a.spec, seed: a.spec.seed + 1 } };

  test("differ in what differs, by path", () => {
    expect(compareRuns(a, b, false).spec).toEqual([{ path: "seed", a: a.spec.seed, b: a.spec.seed + 1 }]);
    expect(compareRuns(a, a, false).spec).toEqual([]);
    const all = compareRuns(a, b, true).spec;
    expect(all.length).toBeGreaterThan(5);
    expect(all.map(({ path }) => path)).toEqual(all.map(({ path }) => path).toSorted());
  });

  test("are shown beside each other, and what only one has is a dash", () => {
    const lines = comparisonLines(compareRuns({ ...a, accuracy: null }, b, false));
    expect(lines.find((line) => line.startsWith("accuracy"))).toMatch(/^accuracy +– +0\.5$/);
    expect(comparisonLines(compareRuns(a, a, false))).toContain("No option differs.");
  });
});

describe("a round", () => {
  const round = buildRound({
    cohort: ["a"],
    notChosen: [{ clientId: "b", reason: "cooling down" }],
    consideredCount: 3,
  });

  test("says why a client was chosen or left out", () => {
    const invocation = buildInvocation({ clientId: "a", reason: "rookie", status: "missed" });
    expect(whyOf(round, "a", invocation)).toMatchObject({
      isChosen: true,
      reason: "rookie",
      status: "missed",
    });
    expect(whyOf(round, "b", null)).toMatchObject({ isChosen: false, reason: "cooling down", status: null });
  });

  test("says what it does not know", () => {
    expect(() => whyOf(round, "c", null)).toThrow("it names 1 of the clients that were, and counts 1 more");
    expect(() => whyOf({ ...round, consideredCount: 2 }, "c", null)).toThrow("was not among the 2");
  });

  test("names the versions of other runs that its clients learned from, and the runs that did not teach", () => {
    expect(roundLines(round, NOW).join("\n")).not.toContain("learned from");
    const leftOut = [{ runId: "south-2", reason: "it is cancelled" }];
    const versions = [{ runId: "south-1", version: 4 }];
    const lines = roundLines({ ...round, teachers: { versions, leftOut } }, NOW).join("\n");
    expect(lines).toMatch(/learned from +version 4 of south-1\n/);
    expect(lines).toContain("south-2: it is cancelled");
    expect(roundLines({ ...round, teachers: { versions: [], leftOut } }, NOW).join("\n")).toContain(
      "no other run",
    );
  });

  test("names twenty of its cohort", () => {
    const cohort = Array.from({ length: 21 }, (_, i) => `client-${i}`);
    expect(roundLines({ ...round, cohort }, NOW).join("\n")).toContain("client-19, and 1 more");
    expect(roundLines({ ...round, cohort: cohort.slice(1) }, NOW).join("\n")).not.toContain("more");
  });
});

test("a model is a run and a version, the last one without", () => {
  expect(splitModel("x")).toEqual({ run: "x", version: "last" });
  expect(splitModel("@last:3")).toEqual({ run: "@last", version: "3" });
});

test("a text on one line has no control character and no line end", () => {
  expect(onOneLine(" a\r\n\tb\u0000c\u2028d\u009B ")).toBe("a b c d");
});
