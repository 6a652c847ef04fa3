// What ends a command from outside: signals, and output that nobody reads any more.
import { whyNot } from "../setup/faults.mjs";
import { interruptWith, isInterruptible, SIGNALS } from "./interruption.ts";

/** The exit code of a program whose output is no longer read, as shells count. */
const BROKEN_PIPE = 141;

export function guardProcess(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") return interruptWith(BROKEN_PIPE);
      if (stream === process.stdout)
        process.stderr.write(`The output cannot be written: ${whyNot(error)}.\n`);
      interruptWith(1);
    });
  }
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (isInterruptible()) return; // It ends what it started first.
      process.stderr.write("Interrupted.\n");
      process.exit(128 + number);
    });
  }
}
