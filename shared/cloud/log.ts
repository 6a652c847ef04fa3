// Structured log lines on standard output, in the form that Cloud Logging groups and filters by.
import type { Logger } from "../core/ports/logger.ts";
import type { LogPlace } from "../core/schemas/failure.ts";
import { currentTrace } from "./trace.ts";

/** Where the lines of the request that is being served are found; nothing of it that is not known. */
export function logPlace(env: Environment = process.env): LogPlace {
  const { K_SERVICE: service, K_REVISION: revision, GOOGLE_CLOUD_PROJECT: project } = env;
  const known = { project, service, revision, trace: currentTrace() };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

type Fields = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A logger for one function. Lines say which revision wrote them and which request they belong to, where that
 * is known.
 *
 * @param write takes one line without its end
 * @param env what Cloud Run sets for the instance; the process's own by default
 */
export function createLogger(
  fields: Fields,
  write: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
  env: Environment = process.env,
): Logger {
  const line =
    (severity: "INFO" | "WARNING" | "ERROR") =>
    (message: string, more: Fields = {}) => {
      write(
        JSON.stringify({
          ...shown(fields),
          ...shown(more),
          ...origin(env),
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
    with: (more) => createLogger({ ...fields, ...more }, write, env),
  };
}

/** The fields that Cloud Logging and Error Reporting group lines by. */
function origin(env: Environment): Fields {
  const { K_SERVICE: service, K_REVISION: version, GOOGLE_CLOUD_PROJECT: project } = env;
  const trace = currentTrace();
  return {
    ...(service === undefined ? {} : { serviceContext: { service, version } }),
    ...(trace === undefined || project === undefined
      ? {}
      : { "logging.googleapis.com/trace": `projects/${project}/traces/${trace}` }),
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
