// The demo's view for a file, a pipe or a log: one line when a round opens and one when it closes; no control
// characters.
import { closingLines } from "./closing.ts";
import type { DemoView, ViewStream } from "./demoView.ts";
import { demoHead, printable } from "./format.ts";
import { paletteOf } from "./palette.ts";
import { roundLog } from "./roundLog.ts";

/** Of the closing table, where the stream has no width of its own. */
const DEFAULT_WIDTH = 100;

export function plainView(stream: ViewStream): DemoView {
  const write = (line: string) => {
    stream.write(`${line}\n`);
  };
  const log = roundLog(write);
  return {
    start: (info) => {
      for (const [label, value] of demoHead(info).facts) write(`${label}: ${printable(value)}`);
    },
    update: log.show,
    note: (line) => write(printable(line)),
    finish: (report) => {
      log.show(report.perRound);
      log.rest();
      write("");
      for (const line of closingLines(report, stream.columns ?? DEFAULT_WIDTH, paletteOf(false))) write(line);
    },
    fail: (message) => {
      log.rest();
      write(`failed: ${printable(message)}`);
    },
  };
}
