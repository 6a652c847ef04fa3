// A part of a terminal that is redrawn in place: at each change and resize, and left as it was found.
import { clearScreenDown, cursorTo, moveCursor } from "node:readline";
import { createLogUpdate } from "log-update";
import type { ViewStream } from "./demoView.ts";
import { printable } from "./format.ts";
import { widthOf } from "./table.ts";

const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";
const DEFAULT_SIZE = { columns: 80, rows: 24 };

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

export interface LiveScreen {
  size(): ScreenSize;
  /** Hides the cursor until `end`, or until the process ends. */
  begin(): void;
  draw(): void;
  /** A line worth keeping, above what is redrawn. */
  note(line: string): void;
  /** Removes what is drawn. */
  clear(): void;
  end(): void;
}

/** @param frame what to show at a size, or null for nothing yet. */
export function liveScreen(stream: ViewStream, frame: (size: ScreenSize) => string | null): LiveScreen {
  const screen = createLogUpdate(stream, { showCursor: true });
  let drawn: { readonly lines: readonly string[]; readonly columns: number } = { lines: [], columns: 0 };

  const size = () => ({
    columns: stream.columns ?? DEFAULT_SIZE.columns,
    rows: stream.rows ?? DEFAULT_SIZE.rows,
  });
  const draw = () => {
    const now = size();
    const text = frame(now);
    if (text === null) return;
    if (drawn.lines.length > 0 && drawn.columns !== now.columns) eraseReflowed(now.columns);
    screen(text);
    drawn = { lines: text.split("\n"), columns: now.columns };
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
  return {
    size,
    begin: () => {
      stream.write(HIDE_CURSOR);
      process.once("exit", showCursor);
      stream.on("resize", draw);
      draw();
    },
    draw,
    note: (line) => {
      screen.persist(printable(line));
      draw();
    },
    clear: () => screen.clear(),
    end: () => {
      stream.off("resize", draw);
      process.off("exit", showCursor);
      screen.done();
      showCursor();
    },
  };
}
