// How the demo shows itself: a table that redraws in place on a terminal, plain lines anywhere else.
import type { DemoView, ViewStream } from "./demoView.ts";
import { liveView } from "./liveView.ts";
import { plainView } from "./plainView.ts";

interface ViewOptions {
  readonly stream: ViewStream;
  /** Whether the stream is a terminal; default: what it says itself. */
  readonly isTty?: boolean;
  /** NO_COLOR and TERM are read; default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The live view for a terminal that can move its cursor, the plain one for everything else. */
export function createView({ stream, isTty, env = process.env }: ViewOptions): DemoView {
  const live = (isTty ?? stream.isTTY === true) && env["TERM"] !== "dumb";
  if (!live) return plainView(stream);
  const noColor = env["NO_COLOR"];
  return liveView(stream, { color: noColor === undefined || noColor === "" });
}
