// How every command ends: a failure in one sentence and with an exit code, whatever became of its output.
import { inspect } from "node:util";
import { FlError } from "../../shared/core/errors.ts";
import { sentenceOf, whyNot } from "../setup/faults.mjs";
import { interruptWith, isInterruptible, SIGNALS } from "./interruption.ts";

/** The exit code of a program whose output is no longer read, as shells count. */
const BROKEN_PIPE = 141;

/** Runs a command to its end; `process.exitCode` is set where it fails. */
export async function runCommandLine(command: () => Promise<unknown>): Promise<void> {
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
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${failureText(error)}\n`);
    process.exitCode = 1;
  }
}

/** What follows on options that cannot be used. @param typed what a person types before them */
export function howToUse(typed: string): string {
  return `What it takes is shown by: ${typed} --help`;
}

/**
 * A sentence for what was foreseen; everything that is known about what was not, which is a fault of ours.
 */
export function failureText(error: unknown): string {
  if (error instanceof FlError) return error.message;
  return sentenceOf(error) ?? inspect(error);
}
