// The demo's view for a terminal: the frame is redrawn in place, and the terminal is left as it was found.
import { closingLines } from "./closing.ts";
import type { DemoView, ViewStream } from "./demoView.ts";
import { demoHead, printable } from "./format.ts";
import { headLines, type LiveState, liveFrame } from "./liveFrame.ts";
import { liveScreen } from "./liveScreen.ts";
import { paletteOf } from "./palette.ts";

/**
 * Redraws at every update and resize; hides the cursor from `start` until `finish`, `fail` or the end of the
 * process.
 */
export function liveView(stream: ViewStream, { color }: { readonly color: boolean }): DemoView {
  const palette = paletteOf(color);
  let state: LiveState | null = null;
  const screen = liveScreen(stream, (size) => (state === null ? null : liveFrame(state, size, palette)));

  return {
    start: (info) => {
      state = { head: demoHead(info), rounds: [], run: null };
      screen.begin();
    },
    update: (rounds, run) => {
      if (state !== null) state = { ...state, rounds, run };
      screen.draw();
    },
    note: screen.note,
    finish: (report) => {
      screen.clear();
      screen.end();
      const { columns } = screen.size();
      const head = state === null ? [] : [...headLines(state.head, columns, palette), ""];
      for (const line of [...head, ...closingLines(report, columns, palette)]) stream.write(`${line}\n`);
    },
    fail: (message) => {
      screen.end();
      stream.write(`\n${palette.bad(`failed: ${printable(message)}`)}\n`);
    },
  };
}
