// The plain view: which lines it writes when, and that nothing in them controls a terminal.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { demoReport } from "../../../../infra/cli/view/demoReport.ts";
import { plainView } from "../../../../infra/cli/view/plainView.ts";
import { runs } from "../../../support/tier.ts";
import { anySnapshot, CLOSED, FakeStream, INFO, OPEN, openRun, ROUGH } from "./fixtures.ts";

const RUN = {
  status: "running",
  modelVersion: 0,
  accuracy: null,
  loss: null,
  eur: null,
  costUsd: 0,
} as const;
const rest = { wallSeconds: 80, backend: "native", firestore: "embedded" };

function viewOn() {
  const stream = new FakeStream();
  return { stream, view: plainView(stream) };
}

describe("plainView", () => {
  it("writes a line when a round opens and one when it closes, each once", () => {
    const { stream, view } = viewOn();
    view.start(INFO);
    view.update([], RUN);
    view.update([{ ...OPEN, round: 1 }], RUN);
    view.update([{ ...OPEN, round: 1, reported: 5 }], RUN);
    view.note("client-07 crashed");
    view.update([CLOSED, OPEN], RUN);
    view.update([CLOSED, ROUGH, OPEN], RUN);
    view.fail("interrupted");
    expect(`\n${stream.text}`).toMatchInlineSnapshot(`
      "
      FedStratus: mnist-cnn on Fashion-MNIST
      run: 20 clients, 8 a round, 3 rounds, selection random, seed 7
      TensorFlow: native
      Firestore: the embedded server (no Java found)
      round 1 opened: 8 invoked, deadline 60 s
      client-07 crashed
      round 1 closed (all reported) after 14.2 s: 8/8 reported, 8 cold starts, accuracy 0.412, in time 1.00, 0.00264 USD
      round 3 opened: 8 invoked, deadline 60 s
      round 2 opened: 8 invoked, deadline 60 s
      round 2 closed (deadline) after 60.0 s: 6/8 reported, 1 late, 1 failed, 1 missed, 0 cold starts, accuracy 0.600, in time 0.75, 0.00264 USD
      failed: interrupted
      "
    `);
  });

  it("says what clients score where they do", () => {
    const { stream, view } = viewOn();
    const atClients = { metric: "loss", mean: 2.34567, worst: 3, spread: 0.5 };
    view.update([{ ...CLOSED, atClients }], RUN);
    expect(stream.text).toContain("accuracy 0.412, loss at clients 2.346 (3), in time 1.00");
  });

  it("waits with a closed round's line for its accuracy, which comes later", () => {
    const { stream, view } = viewOn();
    const unscored = { ...CLOSED, accuracy: null, loss: null };
    view.update([unscored], RUN);
    expect(stream.text).not.toContain("closed");
    view.update([CLOSED], RUN);
    expect(stream.text.match(/round 1 closed .* accuracy 0\.41/g)).toHaveLength(1);
  });

  it("does not wait for a score that is known not to come", () => {
    const { stream, view } = viewOn();
    view.update([{ ...CLOSED, accuracy: null, loss: null, isUnscored: true }], RUN);
    expect(stream.text).toMatch(/round 1 closed .*: 8\/8 reported, 8 cold starts, not scored, in time/);
  });

  it("shows the loss of a run without accuracy, in its lines and in the table", () => {
    const { stream, view } = viewOn();
    const byLoss = { ...CLOSED, accuracy: null, loss: 12_345.678 };
    view.update([byLoss], RUN);
    expect(stream.text).toMatch(/round 1 closed .* loss 12350, in time 1\.00/);
    view.finish(demoReport({ run: { ...openRun().run, loss: 0.000_123_4 }, rounds: [byLoss], ...rest }));
    expect(stream.text).toMatch(/cold +loss +in time/);
    expect(stream.text).toContain("1 round · loss 0.0001234 · in time");
    expect(stream.text).not.toContain("accuracy");
  });

  it.each([
    [
      { ...CLOSED, status: "degraded", accuracy: null, loss: null, closeReason: "too-few-updates" },
      "degraded (too few updates)",
    ],
    [
      { ...CLOSED, status: "cancelled", accuracy: null, loss: null, closeReason: "cancelled" },
      "cancelled after",
    ],
  ] as const)("does not wait for the accuracy of a round that made no version: %#", (round, words) => {
    const { stream, view } = viewOn();
    view.update([round], RUN);
    expect(stream.text).toContain(`round 1 ${words}`);
  });

  it("writes what is missing and the closing table at the end", () => {
    const { stream, view } = viewOn();
    const unscored = { ...CLOSED, accuracy: null, loss: null };
    view.update([unscored], RUN);
    view.finish(demoReport({ run: openRun().run, rounds: [unscored], ...rest }));
    expect(stream.text).toContain("round 1 closed (all reported) after 14.2 s: 8/8 reported");
    expect(stream.text).toContain("accuracy –");
    expect(stream.text).toContain("8 invocations");
  });

  it("has no control character but the line feed, whatever it shows", () => {
    const { run } = openRun();
    fc.assert(
      fc.property(
        fc.array(anySnapshot, { maxLength: 2 }),
        fc.string({ unit: "binary", maxLength: 40 }),
        (rounds, text) => {
          const { stream, view } = viewOn();
          const hostile = `${text}\u001B[31mred\u0007\r\n${text}`;
          view.start({ ...INFO, title: hostile, firestore: { reason: hostile } });
          view.note(hostile);
          view.update(rounds, RUN);
          view.fail(hostile);
          view.finish(demoReport({ run, rounds, ...rest }));
          expect(stream.text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
        },
      ),
      { numRuns: runs(20) },
    );
  });
});
