// Work of a command that a signal ends in order: what it has begun is taken back, and its exit code says so.
import { EXIT, type ExitName } from "./exitCodes.ts";
import type { Io } from "./io.ts";

/** Returns what the work makes, or how the command ends where a signal came first. The work heeds its signal. */
export async function whileUninterrupted<T extends object>(
  { interruption }: Pick<Io, "interruption">,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | ExitName> {
  const stop = interruption();
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return stop.exitCode() === EXIT.interrupted ? "interrupted" : "terminated";
  } finally {
    stop.dispose();
  }
}
