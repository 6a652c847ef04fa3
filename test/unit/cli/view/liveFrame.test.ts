// The live frame: exact text at three sizes of terminal, and never larger than the terminal.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { demoHead } from "../../../../infra/cli/view/format.ts";
import { liveFrame } from "../../../../infra/cli/view/liveFrame.ts";
import { paletteOf } from "../../../../infra/cli/view/palette.ts";
import { widthOf } from "../../../../infra/cli/view/table.ts";
import { anySnapshot, CLOSED, INFO, OPEN, ROUGH } from "./fixtures.ts";

const plain = paletteOf(false);
const RUN = {
  status: "running",
  modelVersion: 2,
  accuracy: 0.6,
  loss: 1.1,
  eur: 0.875,
  costUsd: 0.00528,
} as const;
const frameAt = (columns: number, rows = 30) =>
  `\n${liveFrame({ head: demoHead(INFO), rounds: [CLOSED, ROUGH, OPEN], run: RUN }, { columns, rows }, plain)}\n`;

describe("liveFrame", () => {
  it("shows everything at 120 columns", () => {
    expect(frameAt(120)).toMatchInlineSnapshot(`
      "
       FedStratus  mnist-cnn on Fashion-MNIST
       run         20 clients, 8 a round, 3 rounds, selection random, seed 7
       TensorFlow  native
       Firestore   the embedded server (no Java found)

       round      reported  late  failed  missed  cold starts  accuracy              in time  cost USD  seconds  closed by
           1  ●●●●●●●● 8/8     –       –       –            8     0.412  ████▏          1.00   0.00264     14.2  all reported
           2  ●●●●●●✗◌ 6/8    +1       1       1            –     0.600  ██████         0.75   0.00264     60.0  deadline
           3  ●●◐◐○○○✗ 2/8     –       1       –            1         –                    –         –     4/60  training

       running · 2 of 3 rounds · accuracy 0.600 · in time 0.88 · 0.00528 USD · model version 2
       ● reported  ◐ training  ○ queued  ✗ failed  ◌ missed
      "
    `);
  });

  it("shows the figures without the accuracy's bar at 80 columns", () => {
    expect(frameAt(80)).toMatchInlineSnapshot(`
      "
       FedStratus  mnist-cnn on Fashion-MNIST
       run         20 clients, 8 a round, 3 rounds, selection random, seed 7
       TensorFlow  native
       Firestore   the embedded server (no Java found)

       round     reported late failed cold  acc. in time cost USD     s closed by
           1 ●●●●●●●● 8/8    –      –    8 0.412    1.00  0.00264  14.2 all reported
           2 ●●●●●●✗◌ 6/8   +1      1    – 0.600    0.75  0.00264  60.0 deadline
           3 ●●◐◐○○○✗ 2/8    –      1    1     –       –        –  4/60 training

       running · 2 of 3 rounds · accuracy 0.600 · in time 0.88 · 0.00528 USD
       ● reported  ◐ training  ○ queued  ✗ failed  ◌ missed
      "
    `);
  });

  it("keeps what matters most at 60 columns", () => {
    expect(frameAt(60)).toMatchInlineSnapshot(`
      "
       FedStratus  mnist-cnn on Fashion-MNIST
       run         20 clients, 8 a round, 3 rounds, selection ra…
       TensorFlow  native
       Firestore   the embedded server (no Java found)

       round      reported  accuracy  seconds  closed by
           1  ●●●●●●●● 8/8     0.412     14.2  all reported
           2  ●●●●●●✗◌ 6/8     0.600     60.0  deadline
           3  ●●◐◐○○○✗ 2/8         –     4/60  training

       running · 2 of 3 rounds · accuracy 0.600 · in time 0.88
       ● reported  ◐ training  ○ queued  ✗ failed  ◌ missed
      "
    `);
  });

  it("waits for the run and its first round", () => {
    expect(
      `\n${liveFrame({ head: demoHead(INFO), rounds: [], run: null }, { columns: 80, rows: 24 }, plain)}\n`,
    ).toMatchInlineSnapshot(`
      "
       FedStratus  mnist-cnn on Fashion-MNIST
       run         20 clients, 8 a round, 3 rounds, selection random, seed 7
       TensorFlow  native
       Firestore   the embedded server (no Java found)

       waiting for the first round

       starting
      "
    `);
  });

  it("counts the rounds that a low terminal has no room for", () => {
    const rounds = Array.from({ length: 9 }, (_, k) => ({ ...CLOSED, round: k + 1 }));
    const lines = liveFrame(
      { head: demoHead(INFO), rounds, run: RUN },
      { columns: 80, rows: 15 },
      plain,
    ).split("\n");
    expect(lines).toHaveLength(14);
    expect(lines.filter((line) => /^ +\d+ /.test(line)).map((line) => line.trim().split(" ")[0])).toEqual([
      "6",
      "7",
      "8",
      "9",
    ]);
    expect(lines).toContain(" … 5 earlier rounds");
  });

  it("draws a large cohort in proportion", () => {
    const large = { ...OPEN, invoked: 2_000, reported: 1_000, training: 500, failed: 0, missed: 0 };
    const frame = liveFrame(
      { head: demoHead(INFO), rounds: [large], run: RUN },
      { columns: 100, rows: 30 },
      plain,
    );
    expect(frame).toContain("●●●●●●●●◐◐◐◐○○○○ 1000/2000");
  });

  it("paints the same text that it shows without colours", () => {
    const state = { head: demoHead(INFO), rounds: [CLOSED, ROUGH, OPEN], run: RUN };
    const size = { columns: 100, rows: 30 };
    const painted = liveFrame(state, size, paletteOf(true));
    expect(painted).toContain("\u001B[32m●");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away
    expect(painted.replace(/\u001B\[\d+m/g, "")).toBe(liveFrame(state, size, plain));
  });

  it("never outgrows the terminal", () => {
    fc.assert(
      fc.property(
        fc.array(anySnapshot, { maxLength: 4 }),
        fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) }),
        fc.string({ maxLength: 300 }),
        fc.boolean(),
        (rounds, size, title, color) => {
          const state = { head: demoHead({ ...INFO, title }), rounds, run: RUN };
          const lines = liveFrame(state, size, paletteOf(color)).split("\n");
          expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(Math.max(1, size.columns - 1));
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, size.rows - 1));
        },
      ),
    );
  });
});
