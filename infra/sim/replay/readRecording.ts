// Reads an exported run: a JSON file with what the API answers to GET run, its rounds, and the invocations of each round.
import { readFile } from "node:fs/promises";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { readTolerantly } from "../../../shared/core/schemas/readTolerantly.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import type { Recording } from "./recording.ts";

/** A page of a listing, as the API answers it. */
const Page = z.looseObject({ items: z.array(z.unknown()) });

/** @throws FlError("invalid-argument") saying what is wrong with the file; as `readFile` when it cannot be read. */
export async function readRecording(file: string): Promise<Recording> {
  let value: unknown;
  const text = await readFile(file, "utf8");
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FlError("invalid-argument", `${file} is not JSON.`, { cause });
  }
  return recordingOf(file, value);
}

/**
 * @param value documents in any order, alone, in arrays or in pages; each is told by its fields.
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
  const page = Page.safeParse(value);
  return page.success ? page.data.items.flatMap(documentsOf) : [value];
}

function parsed<T>(file: string, schema: z.ZodType<T>, document: object): T {
  const result = readTolerantly(schema, document);
  if (result.success) return result.data;
  throw broken(file, z.prettifyError(result.error));
}

function broken(file: string, what: string): FlError {
  return new FlError("invalid-argument", `${file} is no exported run: ${what}.`);
}
