// The demo's view for a terminal: the frame is redrawn in place, and the terminal is left as it was found.
import { clearScreenDown, cursorTo, moveCursor } from "node:readline";
import { createLogUpdate } from "log-update";
import { closingLines } from "./closing.ts";
import type { DemoView, ViewStream } from "./demoView.ts";
import { printable } from "./format.ts";
import { headLines, type LiveState, liveFrame } from "./liveFrame.ts";
import { paletteOf } from "./palette.ts";
import { widthOf } from "./table.ts";

const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/**
 * Redraws at every update and resize; hides the cursor from `start` until `finish`, `fail` or the end of the
 * process.
 */
export function liveView(stream: ViewStream, { color }: { readonly color: boolean }): DemoView {
  const palette = paletteOf(color);
  const screen = createLogUpdate(stream, { showCursor: true });
  let state: LiveState | null = null;
  let drawn: { readonly lines: readonly string[]; readonly columns: number } = { lines: [], columns: 0 };

  const size = () => ({
    columns: stream.columns ?? DEFAULT_SIZE.columns,
    rows: stream.rows ?? DEFAULT_SIZE.rows,
  });
  const draw = () => {
    if (state === null) return;
    const now = size();
    if (drawn.lines.length > 0 && drawn.columns !== now.columns) eraseReflowed(now.columns);
    const frame = liveFrame(state, now, palette);
    screen(frame);
    drawn = { lines: frame.split("\n"), columns: now.columns };
  };
  /**
   * A terminal that became narrower has wrapped the lines of the frame before: there are more of them now.
   */
  const eraseReflowed = (columns: number) => {
    const rows = drawn.lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    moveCursor(stream, 0, -rows);
    cursorTo(stream, 0);
    clearScreenDown(stream);
    screen.done();
  };
  const showCursor = () => {
    stream.write(SHOW_CURSOR);
  };
  const end = () => {
    stream.off("resize", draw);
    process.off("exit", showCursor);
    screen.done();
    showCursor();
  };

  return {
    start: (info) => {
      state = { info, rounds: [], run: null };
      stream.write(HIDE_CURSOR);
      process.once("exit", showCursor);
      stream.on("resize", draw);
      draw();
    },
    update: (rounds, run) => {
      if (state !== null) state = { ...state, rounds, run };
      draw();
    },
    note: (line) => {
      screen.persist(printable(line));
      draw();
    },
    finish: (report) => {
      screen.clear();
      end();
      const { columns } = size();
      const head = state === null ? [] : [...headLines(state.info, columns, palette), ""];
      for (const line of [...head, ...closingLines(report, columns, palette)]) stream.write(`${line}\n`);
    },
    fail: (message) => {
      end();
      stream.write(`\n${palette.bad(`failed: ${printable(message)}`)}\n`);
    },
  };
}
