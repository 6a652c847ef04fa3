// Measuring in a process of its own: it shares neither memory nor processor time with other measurements.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type * as z from "zod";
import { FlError } from "../../shared/core/errors.ts";

interface AloneOptions {
  readonly signal: AbortSignal;
  /** In place of this process's own variables. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a module as a process and gives what it sends.
 *
 * @throws FlError("internal") when it ends without having sent anything.
 */
export async function measuredAlone<T>(
  module: URL,
  args: readonly string[],
  schema: z.ZodType<T>,
  { signal, env = process.env }: AloneOptions,
): Promise<T> {
  const path = fileURLToPath(module);
  const alone = fork(path, args, { signal, env });
  const ended = once(alone, "exit").then(([code]): never => {
    throw new FlError("internal", `${path} ${args.join(" ")} ended with code ${code}.`);
  });
  const [message] = await Promise.race([once(alone, "message"), ended]);
  return schema.parse(message);
}
