// What remains on the screen: exact text at three widths, and never wider than asked.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closingLines } from "../../../../infra/cli/view/closing.ts";
import { demoReport } from "../../../../infra/cli/view/demoReport.ts";
import { paletteOf } from "../../../../infra/cli/view/palette.ts";
import type { RoundSnapshot } from "../../../../infra/cli/view/roundSnapshot.ts";
import { widthOf } from "../../../../infra/cli/view/table.ts";
import { anySnapshot, CLOSED, openRun, ROUGH } from "./fixtures.ts";

const plain = paletteOf(false);

function report(rounds: readonly RoundSnapshot[]) {
  const { run } = openRun();
  const done = { ...run, accuracy: 0.6, loss: 1.1, eur: 0.875, totals: { ...run.totals, costUsd: 0.00528 } };
  return demoReport({ run: done, rounds, wallSeconds: 80.04, backend: "native", firestore: "embedded" });
}

const textAt = (width: number, rounds: readonly RoundSnapshot[]) =>
  `\n${closingLines(report(rounds), width, plain).join("\n")}\n`;

const CARRIED: RoundSnapshot = {
  ...ROUGH,
  round: 3,
  status: "degraded",
  reported: 0,
  missed: 7,
  accuracy: null,
  loss: null,
  eur: 0,
  costUsd: null,
  closeReason: "too-few-updates",
};

describe("closingLines", () => {
  it("has every figure at 120 columns", () => {
    expect(textAt(120, [CLOSED, ROUGH, CARRIED])).toMatchInlineSnapshot(`
      "
      round  invoked  reported  late  failed  missed  cold starts  accuracy  in time  cost USD  seconds  closed by
      ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          1        8       8/8     –       –       –            8     0.412     1.00   0.00264     14.2  all reported
          2        8       6/8    +1       1       1            –     0.600     0.75   0.00264     60.0  deadline
          3        8       0/8    +1       1       7            –         –     0.00         –     60.0  too few updates
      ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      3 rounds · accuracy 0.600 · in time 0.88 · 0.00528 USD · 24 invocations · 8 cold starts · 80.0 s
      late: older updates that joined; in time: updates in time / clients invoked
      "
    `);
  });

  it("has a column of what clients score where they do", () => {
    const atClients = { metric: "accuracy", mean: 0.38, worst: 0.2, spread: 0.1 };
    expect(textAt(120, [{ ...CLOSED, atClients }, ROUGH])).toMatchInlineSnapshot(`
      "
      round  invoked  reported  late  failed  missed  cold   acc.     at clients  in time  cost USD     s  closed by
      ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          1        8       8/8     –       –       –     8  0.412  0.380 (0.200)     1.00   0.00264  14.2  all reported
          2        8       6/8    +1       1       1     –  0.600              –     0.75   0.00264  60.0  deadline
      ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      2 rounds · accuracy 0.600 · in time 0.88 · 0.00528 USD · 16 invocations · 8 cold starts · 80.0 s
      late: older updates that joined; in time: updates in time / clients invoked
      at clients: of the version that the round began from, the mean (and the worst tenth of clients)
      "
    `);
  });

  it("has every figure but the cohort's size twice at 80 columns", () => {
    expect(textAt(80, [CLOSED, ROUGH])).toMatchInlineSnapshot(`
      "
      round reported late failed missed cold  acc. in time cost USD    s closed by
      ───────────────────────────────────────────────────────────────────────────────
          1      8/8    –      –      –    8 0.412    1.00  0.00264 14.2 all reported
          2      6/8   +1      1      1    – 0.600    0.75  0.00264 60.0 deadline
      ───────────────────────────────────────────────────────────────────────────────
      2 rounds · accuracy 0.600 · in time 0.88 · 0.00528 USD · 16 invocations
      8 cold starts · 80.0 s
      late: older updates that joined; in time: updates in time / clients invoked
      "
    `);
  });

  it("keeps what matters most at 60 columns", () => {
    expect(textAt(60, [CLOSED, ROUGH])).toMatchInlineSnapshot(`
      "
      round  reported  failed   acc.  cost USD     s  closed by
      ────────────────────────────────────────────────────────────
          1       8/8       –  0.412   0.00264  14.2  all reported
          2       6/8       1  0.600   0.00264  60.0  deadline
      ────────────────────────────────────────────────────────────
      2 rounds · accuracy 0.600 · in time 0.88 · 0.00528 USD
      16 invocations · 8 cold starts · 80.0 s
      late: older updates that joined; in time: updates in time /…
      "
    `);
  });

  it("is a table of titles and totals for a run without a round", () => {
    expect(textAt(80, [])).toMatchInlineSnapshot(`
      "
      round reported late failed missed cold acc. in time cost USD s closed by
      ────────────────────────────────────────────────────────────────────────
      ────────────────────────────────────────────────────────────────────────
      0 rounds · accuracy 0.600 · in time 0.88 · 0.00528 USD · 0 invocations
      0 cold starts · 80.0 s
      late: older updates that joined; in time: updates in time / clients invoked
      "
    `);
  });

  it("says that a round closed for another reason made no version", () => {
    expect(textAt(120, [{ ...CARRIED, closeReason: "deadline" }])).toContain("deadline, degraded");
  });

  it("is never wider than it may be", () => {
    fc.assert(
      fc.property(
        fc.array(anySnapshot, { maxLength: 4 }),
        fc.integer({ min: 1, max: 160 }),
        fc.boolean(),
        (rounds, width, color) => {
          const lines = closingLines(report(rounds), width, paletteOf(color));
          expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});
