// The progress bar of a simulation, on a terminal; silence anywhere else.
import { SingleBar } from "cli-progress";

export interface Progress {
  step(): void;
  stop(): void;
}

export function createProgress(total: number, stream: NodeJS.WritableStream): Progress {
  const bar = new SingleBar({
    stream,
    format: "{bar} {value}/{total} runs, {eta_formatted} left",
    noTTYOutput: false,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(total, 0);
  return { step: () => bar.increment(), stop: () => bar.stop() };
}
