// The live view on a terminal: it redraws, survives a resize and leaves the terminal as it was.
import { describe, expect, it } from "vitest";
import { demoReport } from "../../../../infra/cli/view/demoReport.ts";
import { demoHead } from "../../../../infra/cli/view/format.ts";
import { liveFrame } from "../../../../infra/cli/view/liveFrame.ts";
import { liveView } from "../../../../infra/cli/view/liveView.ts";
import { paletteOf } from "../../../../infra/cli/view/palette.ts";
import { CLOSED, FakeStream, INFO, OPEN, openRun, ROUGH } from "./fixtures.ts";

const HIDE = "\u001B[?25l";
const SHOW = "\u001B[?25h";
const RUN = { status: "running", modelVersion: 1, accuracy: 0.4, loss: 1.9, eur: 1, costUsd: 0.003 } as const;

function started({ color = false } = {}) {
  const stream = new FakeStream();
  const exitListeners = process.listenerCount("exit");
  const view = liveView(stream, { color });
  view.start(INFO);
  view.update([CLOSED, OPEN], RUN);
  return { stream, view, exitListeners };
}

const report = () =>
  demoReport({
    run: openRun().run,
    rounds: [CLOSED, ROUGH],
    wallSeconds: 80,
    backend: "native",
    firestore: "embedded",
  });

describe("liveView", () => {
  it.each([
    ["finish", (view: ReturnType<typeof liveView>) => view.finish(report())],
    ["fail", (view: ReturnType<typeof liveView>) => view.fail("interrupted")],
  ])("gives the cursor back and lets go of stream and process on %s", (_name, end) => {
    const { stream, view, exitListeners } = started();
    expect(stream.text.startsWith(HIDE)).toBe(true);
    expect(stream.text).not.toContain(SHOW);
    end(view);
    expect(stream.text.lastIndexOf(SHOW)).toBeGreaterThan(stream.text.lastIndexOf(HIDE));
    expect(stream.listenerCount("resize")).toBe(0);
    expect(process.listenerCount("exit")).toBe(exitListeners);
  });

  it("gives the cursor back when the process ends on its own", () => {
    const { stream, view, exitListeners } = started();
    const [restore] = process.listeners("exit").slice(exitListeners);
    restore?.(0);
    expect(stream.text.endsWith(SHOW)).toBe(true);
    view.fail("ended");
  });

  it("leaves the head, the table and the totals on the screen", () => {
    const { stream, view } = started();
    const before = stream.text.length;
    view.finish(report());
    const closing = stream.text.slice(before);
    expect(closing).toContain("FedStratus  mnist-cnn on Fashion-MNIST");
    expect(closing).toContain("16 invocations · 8 cold starts");
    expect(closing).not.toContain("● reported");
  });

  it("keeps the last frame when it fails, and says why in one printable line", () => {
    const { stream, view } = started();
    view.fail("the box\u001B[2J ended\nwith 1");
    expect(stream.text).toContain("●●◐◐○○○✗ 2/8");
    expect(stream.text.endsWith("\nfailed: the box ended with 1\n")).toBe(true);
  });

  it("writes a note above the frame and draws the frame again", () => {
    const { stream, view } = started();
    const before = stream.text.length;
    view.note("client-07\u0007 crashed");
    const drawn = stream.text.slice(before);
    expect(drawn.indexOf("client-07 crashed\n")).toBeGreaterThan(0);
    expect(drawn.indexOf("FedStratus")).toBeGreaterThan(drawn.indexOf("crashed"));
    view.fail("end");
  });

  it("redraws at a resize, taking away the lines that the narrower terminal has wrapped", () => {
    const { stream, view } = started();
    const state = { head: demoHead(INFO), rounds: [CLOSED, OPEN], run: RUN };
    const frameAt = (columns: number) => liveFrame(state, { columns, rows: stream.rows }, paletteOf(false));
    const wide = frameAt(stream.columns).split("\n");
    const wrapped = wide.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 50)), 0);
    expect(wrapped).toBeGreaterThan(wide.length);
    const before = stream.text.length;
    stream.columns = 50;
    stream.emit("resize");
    const redrawn = stream.text.slice(before);
    expect(redrawn).toContain(`\u001B[${wrapped}A`);
    expect(redrawn).toContain(frameAt(50));
    view.fail("end");
  });

  it("writes no colours unless asked to", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for
    const colours = /\u001B\[\d+m/;
    const without = started({ color: false });
    expect(without.stream.text).not.toMatch(colours);
    without.view.fail("end");
    const withColours = started({ color: true });
    expect(withColours.stream.text).toMatch(colours);
    withColours.view.fail("end");
  });
});
