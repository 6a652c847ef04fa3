// Why clients failed in `npm run federate`: what a run's operator reads of it, and what their functions have
// logged for their owners. Here both are one person.
import * as z from "zod";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";

/** The newest error of each client, from the lines that functions log. */
export interface OwnersLog {
  add(line: string): void;
  /** Its first line, without a stack; undefined where the client has logged none. */
  errorOf(clientId: string): string | undefined;
}

/** What is known of a line; others are of no use here. */
const ErrorLine = z.object({ clientId: z.string(), severity: z.literal("ERROR"), error: z.string() });

export function ownersLog(): OwnersLog {
  const errors = new Map<string, string>();
  return {
    add: (line) => {
      if (!line.includes('"ERROR"')) return;
      const read = ErrorLine.safeParse(jsonOf(line));
      if (!read.success) return;
      const { clientId, error } = read.data;
      errors.set(clientId, firstLines(error));
    },
    errorOf: (clientId) => errors.get(clientId),
  };
}

type Failed = Pick<Invocation, "round" | "clientId" | "status" | "failure">;

/**
 * A line for each client of which invocations failed or were rejected: in which rounds, and why the last one
 * did.
 */
export function failureLines(invocations: readonly Failed[], log: OwnersLog): readonly string[] {
  const bad = invocations.filter(({ status }) => status === "failed" || status === "rejected");
  const byClient = Map.groupBy(bad, ({ clientId }) => clientId);
  return [...byClient].map(([clientId, all]) => {
    const rounds = all.map(({ round }) => round).join(", ");
    const last = all.at(-1);
    const said = last?.failure?.message ?? "no reason given";
    const own = last?.status === "failed" ? log.errorOf(clientId) : undefined;
    const more = own === undefined || said.includes(own) ? "" : ` Its log: ${own}`;
    return `${clientId} ${last?.status} in round ${rounds}: ${said}${more}`;
  });
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The messages of an error and of what caused it, without their stacks and the type's name. */
function firstLines(stack: string): string {
  return stack
    .split("\ncaused by ")
    .map((part) => (part.split("\n    at ")[0] ?? "").replace(/^\w*Error: /, ""))
    .join(" Because: ");
}
