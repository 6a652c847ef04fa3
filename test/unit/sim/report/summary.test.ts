// The closing table: means over the seeds, beside what was published.
import { describe, expect, it } from "vitest";
import type { Row } from "../../../../infra/sim/cell.ts";
import { summarise } from "../../../../infra/sim/report/summarise.ts";
import { summaryLines } from "../../../../infra/sim/report/summaryTable.ts";

function row(overrides: Partial<Row> = {}): Row {
  return {
    scenario: "paper/mnist",
    strategy: "fedlesscan",
    paperFaithful: true,
    stragglers: 0.1,
    seed: 1,
    rounds: 60,
    eur: 0.98,
    timeMinutes: 30,
    costUsd: 2,
    bias: 40,
    lateUsed: 3,
    accuracy: null,
    ...overrides,
  };
}

const published = new Map([
  [
    "paper/mnist",
    {
      source: "others",
      levels: [0.1, 0.3],
      strategies: { fedlesscan: { eur: [0.984, null], timeMinutes: [28.6, 27.3] } },
    },
  ],
]);

describe("a summary", () => {
  it("is the mean over the seeds of what differs in nothing else", () => {
    const rows = [
      row(),
      row({ seed: 2, eur: 0.96, timeMinutes: 32, bias: 41 }),
      row({ paperFaithful: false }),
    ];
    expect(summarise(rows, published)).toMatchObject([
      {
        seeds: 2,
        eur: { ours: 0.97, reference: 0.984 },
        timeMinutes: { ours: 31, reference: 28.6 },
        bias: 40.5,
      },
      { seeds: 1, paperFaithful: false, costUsd: { ours: 2, reference: null } },
    ]);
  });

  it("knows no reference where none was published", () => {
    const rows = [
      row({ stragglers: 0.3 }),
      row({ strategy: "fedavg" }),
      row({ scenario: "mine" }),
      row({ stragglers: 0.2 }),
    ];
    expect(summarise(rows, published).map(({ eur }) => eur.reference)).toEqual([null, null, null, null]);
  });

  it("has an accuracy only where every run has one", () => {
    expect(
      summarise([row({ accuracy: 0.5 }), row({ accuracy: 0.7 })], published)[0]?.accuracy?.ours,
    ).toBeCloseTo(0.6, 12);
    expect(summarise([row({ accuracy: 0.5 }), row()], published)[0]?.accuracy).toBe(null);
  });
});

describe("the table", () => {
  const cells = (lines: readonly string[]) => lines.map((line) => line.split(/ {2,}/));

  it("has ours, theirs and the difference", () => {
    const rows = [row(), row({ stragglers: 0.3, eur: 0.966, timeMinutes: 27.3 })];
    expect(cells(summaryLines(summarise(rows, published), 200))).toEqual([
      [
        "scenario",
        "strategy",
        "stragglers",
        "in time",
        "published",
        "difference",
        "minutes",
        "published",
        "difference",
        "USD",
        "bias",
        "late used",
      ],
      [
        "paper/mnist",
        "fedlesscan (paper)",
        "10 %",
        "0.980",
        "0.984",
        "-0.004",
        "30.0",
        "28.6",
        "+4.9 %",
        "2.00",
        "40.0",
        "3.0",
      ],
      [
        "paper/mnist",
        "fedlesscan (paper)",
        "30 %",
        "0.966",
        "–",
        "–",
        "27.3",
        "27.3",
        "0.0 %",
        "2.00",
        "40.0",
        "3.0",
      ],
    ]);
  });

  it("keeps to the width, and leaves out what matters least", () => {
    const lines = summaryLines(summarise([row()], published), 80);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[0]).toContain("in time");
    expect(lines[0]).not.toContain("late");
  });
});
