// What a strategy keeps from round to round, as JSON on the round's document. Only the strategy's own schema
// says what it means.
import type * as z from "zod";
import { FlError } from "../../errors.ts";
import { readTolerantly } from "../../schemas/readTolerantly.ts";
import { MAX_STATE_BYTES } from "../../schemas/round.ts";

export interface ReadState {
  readonly state: unknown;
  /** Why what was kept cannot be used, and the strategy begins without; null where it can. */
  readonly problem: string | null;
}

const NOTHING: ReadState = { state: null, problem: null };

/** @param kept as a round's document has it; null where there is none. */
export function readState(schema: z.ZodType | undefined, kept: string | null): ReadState {
  if (kept === null) return NOTHING;
  if (schema === undefined) return { state: null, problem: "the strategy keeps no state" };
  const value = jsonOf(kept);
  if (value === undefined) return { state: null, problem: "it is not JSON" };
  if (value === null) return NOTHING;
  const parsed = readTolerantly(schema, value);
  if (parsed.success) return { state: parsed.data, problem: null };
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "state"}: ${message}`);
  return { state: null, problem: problems.slice(0, 5).join("; ").slice(0, 500).toWellFormed() };
}

/**
 * A strategy's state as its round keeps it.
 *
 * @throws FlError("internal") for one that is not JSON or too large: a fault of the strategy.
 */
export function writeState(strategy: string, state: unknown): string | null {
  if ((state ?? null) === null) return null;
  const text = jsonText(state);
  if (text === undefined) throw faulty(strategy, "is not a JSON value");
  const sizeBytes = new TextEncoder().encode(text).byteLength;
  if (sizeBytes > MAX_STATE_BYTES) {
    throw faulty(strategy, `has ${sizeBytes} bytes as JSON, and a round keeps ${MAX_STATE_BYTES}`);
  }
  return text;
}

function faulty(strategy: string, what: string): FlError {
  return new FlError(
    "internal",
    `The state of the selection strategy ${strategy} ${what}: choose another strategy, or correct this one.`,
    { retry: "never" },
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Undefined for what JSON has no text for. */
function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
