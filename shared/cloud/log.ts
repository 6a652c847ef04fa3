// Structured log lines on standard output, in the form that Cloud Logging groups and filters by.
import type { Logger } from "../core/ports/logger.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A logger for one function. `write` takes one line without its end. */
export function createLogger(
  fields: Fields,
  write: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): Logger {
  const line =
    (severity: "INFO" | "WARNING" | "ERROR") =>
    (message: string, more: Fields = {}) => {
      write(
        JSON.stringify({
          ...shown(fields),
          ...shown(more),
          severity,
          message,
          time: new Date().toISOString(),
        }),
      );
    };
  return {
    info: line("INFO"),
    warn: line("WARNING"),
    error: line("ERROR"),
    with: (more) => createLogger({ ...fields, ...more }, write),
  };
}

/** Errors have no enumerable fields: they are written as their stack, causes included. */
function shown(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? describe(value) : value]),
  );
}

function describe(error: Error): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${own}\ncaused by ${describe(error.cause)}` : own;
}
