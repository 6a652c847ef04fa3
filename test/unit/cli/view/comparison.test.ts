// What remains on the screen when strategies were compared.
import { expect, test } from "vitest";
import { comparisonLines } from "../../../../infra/cli/view/comparison.ts";
import type { DemoReport } from "../../../../infra/cli/view/demoReport.ts";
import { CLOSED } from "./fixtures.ts";

const report = (strategy: string, more: Partial<DemoReport> = {}): DemoReport => ({
  runId: "fashion-1",
  strategy,
  rounds: 2,
  accuracy: 0.8,
  loss: 0.6,
  eur: 0.65,
  costUsd: 0.04,
  wallSeconds: 50,
  invocations: 16,
  coldStarts: 12,
  late: 0,
  failed: 0,
  backend: "native",
  firestore: "embedded",
  perRound: [
    { ...CLOSED, wallSeconds: 12 },
    { ...CLOSED, round: 2, wallSeconds: 8 },
  ],
  ...more,
});

test("a line for each, and what the others gain over the first", () => {
  const better = report("fedlesscan", {
    eur: 0.9,
    costUsd: 0.03,
    coldStarts: 9,
    perRound: [{ ...CLOSED, wallSeconds: 25 }],
  });
  expect(comparisonLines([report("random"), better])).toMatchInlineSnapshot(`
    [
      "",
      "strategy    accuracy  in time  cost USD  cold  rounds s",
      "random         0.800     0.65   0.04000    12      20.0",
      "fedlesscan     0.800     0.90   0.03000     9      25.0",
      "fedlesscan against random: in time +0.25, cost −25 %, time +25 %",
    ]
  `);
});

test("nothing to compare with, nothing known", () => {
  expect(comparisonLines([])).toEqual([]);
  expect(comparisonLines([report("random")])).toHaveLength(3);
  const nothing = report("random", { eur: null, accuracy: null, costUsd: 0, perRound: [] });
  expect(comparisonLines([nothing, report("fedlesscan")]).at(-1)).toBe(
    "fedlesscan against random: in time –, cost –, time –",
  );
});
