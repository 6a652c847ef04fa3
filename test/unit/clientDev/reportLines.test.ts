// The report of a trial on an owner's machine: a line a fact, in words and figures, and none of it as JSON.
import { describe, expect, it } from "vitest";
import { causeLines, reportLines } from "../../../infra/clientDev/reportLines.ts";
import { CheckFacts } from "../../../shared/core/schemas/check.ts";

const facts: CheckFacts = CheckFacts.parse({
  release: 3,
  coldStart: true,
  coldStartMs: 930.12345,
  backend: "tfjs-node 2.21.0",
  memoryMib: 2_048,
  peakRssMib: 212,
  code: { loader: { name: "ecg-records", version: "1.0.0" } },
  metrics: { "rms.mean": 0.000012345 },
  dataMs: 310,
  samples: 76,
  isStream: false,
  inputShape: [28, 28, 1],
  targetShape: [],
  classes: null,
  rows: {
    rows: 80,
    refused: [
      { reason: "not-a-class", rows: 2, firstRow: 7 },
      { reason: "bad-syntax", rows: 1, firstRow: 0 },
    ],
    dropped: 1,
  },
  steps: 0,
  stepMs: null,
});
const linesOf = (report: Partial<Parameters<typeof reportLines>[0]>) =>
  reportLines({ facts, problems: [], causes: [], ...report }).split("\n");

describe("the report of a trial", () => {
  it("has a line for every fact that is known, and counts what was left out by its reason", () => {
    expect(linesOf({})).toEqual([
      "release        3",
      "coldStart      yes",
      "coldStartMs    930.123",
      "backend        tfjs-node 2.21.0",
      "memoryMib      2048",
      "peakRssMib     212",
      "dataMs         310",
      "samples        76",
      "isStream       no",
      "inputShape     28 × 28 × 1",
      "targetShape    one number",
      "steps          0",
      "rows           80",
      "rowsRefused    2 not-a-class, the first of them row 7 (counted from 0)",
      "rowsRefused    1 bad-syntax, the first of them row 0 (counted from 0)",
      "rowsDropped    1, as the features file says",
      "loader         ecg-records 1.0.0",
      "metric         rms.mean 0.00001234",
      "nothing is wrong",
      "",
    ]);
  });

  it("says no more of rows than how many there are, where all are used", () => {
    const lines = linesOf({ facts: { ...facts, rows: { rows: 80, refused: [], dropped: 0 } } });
    expect(lines.filter((line) => line.startsWith("rows"))).toEqual(["rows           80"]);
  });

  it("ends in every problem, also where nothing else is known", () => {
    expect(linesOf({ facts: null, problems: ["a", "b"] })).toEqual([
      "problem        a",
      "problem        b",
      "",
    ]);
  });

  it("writes no JSON, whichever facts there are", () => {
    const all: CheckFacts = {
      ...facts,
      code: {
        loader: { name: "l", version: "1.0.0" },
        trainer: { name: "t", version: "1.0.0" },
        layers: { name: "y", version: "1.0.0" },
      },
      classes: 10,
      stepMs: 1.5,
    };
    expect(Object.keys(all).toSorted()).toEqual(Object.keys(CheckFacts.shape).toSorted());
    expect(reportLines({ facts: all, problems: [], causes: [] })).not.toMatch(/["{}[\]]/);
  });

  it("keeps for the owner alone what a problem does not say", () => {
    expect(causeLines({ facts, problems: ["a"], causes: ["a", "a, since b"] })).toBe(
      "for you alone  a, since b\n",
    );
  });
});
