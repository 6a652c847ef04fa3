// Reads an exported run: a file with what the API answers to GET run, its rounds, and the invocations of each round; or what
// the demo writes with --json.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { readTolerantly } from "../../../shared/core/schemas/readTolerantly.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { readText } from "../../cli/files.ts";
import type { Recording } from "./recording.ts";

/** Told with every refusal. */
const EXPECTED =
  "It must hold what the API answers to GET /v1/runs/{runId}, to its /rounds and to /rounds/{round}/invocations of each round: " +
  "one after the other, in an array, or as { run, rounds, invocations }; or what the demo writes with --json.";

/** @throws FlError("invalid-argument") saying what is wrong with the file; as `readText` when it cannot be read. */
export async function readRecording(file: string): Promise<Recording> {
  return recordingOf(file, valuesOf(file, await readText(file)));
}

/** Of one JSON value, or of several one after the other, as `curl >>` writes them. */
function valuesOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const values = text.split(/(?<=[\]}])\s*(?=[[{])/);
    return joined(values) ?? refuse(file, "it is not JSON");
  }
}

/** The parts parsed, each with the following ones where it ends within a value; undefined where they are no JSON. */
function joined(parts: readonly string[]): readonly unknown[] | undefined {
  const values: unknown[] = [];
  let open = "";
  for (const part of parts) {
    open += part;
    try {
      values.push(JSON.parse(open));
      open = "";
    } catch {
      // It goes on with the next part.
    }
  }
  return open.trim() === "" ? values : undefined;
}

/**
 * @param value documents in any order, alone, in arrays, in pages, or by name; each is told by its fields.
 * @throws FlError("invalid-argument")
 */
export function recordingOf(file: string, value: unknown): Recording {
  const runs: Run[] = [];
  const rounds: Round[] = [];
  const invocations: Invocation[] = [];
  for (const document of documentsOf(value)) {
    if (typeof document !== "object" || document === null) throw broken(file, "a value is no document");
    if ("spec" in document) runs.push(parsed(file, Run, document));
    else if ("cohort" in document) rounds.push(parsed(file, Round, document));
    else if ("attempt" in document) invocations.push(parsed(file, Invocation, document));
    else
      throw broken(
        file,
        `a document is no run, round or invocation: it has ${Object.keys(document).join(", ")}`,
      );
  }
  const [run] = runs;
  if (run === undefined || runs.length > 1) throw broken(file, `it has ${runs.length} runs instead of one`);
  if (rounds.length === 0) throw broken(file, "it has no rounds");
  if (invocations.length === 0) throw broken(file, "it has no invocations");
  return { run, rounds: rounds.sort((a, b) => a.round - b.round), invocations };
}

function documentsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap(documentsOf);
  if (typeof value !== "object" || value === null || isDocument(value)) return [value];
  if ("items" in value && Array.isArray(value.items)) return documentsOf(value.items);
  if ("recording" in value) return documentsOf(value.recording);
  const { run, rounds, invocations } = value as Readonly<Record<string, unknown>>;
  const named = [run, rounds, byRound(invocations)].filter((part) => part !== undefined);
  return named.length === 0 ? [value] : named.flatMap(documentsOf);
}

function isDocument(value: object): boolean {
  return "spec" in value || "cohort" in value || "attempt" in value;
}

/** Invocations may stand under the numbers of their rounds. */
function byRound(invocations: unknown): unknown {
  if (typeof invocations !== "object" || invocations === null) return invocations;
  const numbers = Object.keys(invocations);
  return numbers.length > 0 && numbers.every((key) => /^\d+$/.test(key))
    ? Object.values(invocations)
    : invocations;
}

function parsed<T>(file: string, schema: z.ZodType<T>, document: object): T {
  const result = readTolerantly(schema, document);
  if (result.success) return result.data;
  throw broken(file, z.prettifyError(result.error));
}

function refuse(file: string, what: string): never {
  throw broken(file, what);
}

function broken(file: string, what: string): FlError {
  return new FlError("invalid-argument", `${file} is no exported run: ${what}. ${EXPECTED}`);
}
