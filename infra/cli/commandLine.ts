// How every command ends: a failure in one sentence and with an exit code, whatever became of its output.
import { inspect } from "node:util";
import { FlError } from "../../shared/core/errors.ts";
import { sentenceOf } from "../setup/faults.mjs";
import { guardProcess } from "./guardProcess.ts";

/** Runs a command to its end; `process.exitCode` is set where it fails. */
export async function runCommandLine(command: () => Promise<unknown>): Promise<void> {
  guardProcess();
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
