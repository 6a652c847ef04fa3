// Reads an exported run: a file with what the API answers to GET run, its rounds, and the invocations of each
// round; or what the demo writes with --out.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { upgradedRound } from "../../../shared/core/methods/selection/fedlesscan/release01.ts";
import { isRelay } from "../../../shared/core/round/relay.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { readTolerantly } from "../../../shared/core/schemas/readTolerantly.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { readText } from "../../cli/files.ts";
import type { Recording } from "./recording.ts";

/** Part of every refusal. */
const EXPECTED =
  "It must hold what the API answers to GET /v1/runs/{runId}, to its /rounds and to /rounds/{round}/invocations of each round: " +
  "one after the other, in an array, or as { run, rounds, invocations }; or what the demo writes with --out for one strategy.";

/** Of the rounds that lack invocations. */
const MAX_NAMED_ROUNDS = 20;

/**
 * @throws FlError("invalid-argument") saying what is wrong with the file; as `readText` when it cannot be
 *   read.
 */
export async function readRecording(file: string): Promise<Recording> {
  return recordingOf(file, valuesOf(file, await readText(file)));
}

/** Of one JSON value, or of several one after the other, as `curl >>` writes them. */
function valuesOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return severalOf(text) ?? refuse(file, "it is not JSON");
  }
}

/**
 * The objects and arrays that follow each other in a text, which is read once; undefined where it has
 * anything else.
 */
function severalOf(text: string): readonly unknown[] | undefined {
  const values: unknown[] = [];
  let depth = 0;
  let start = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (isInString) {
      if (character === "\\") at++;
      else if (character === '"') isInString = false;
    } else if (character === "[" || character === "{") {
      if (depth++ === 0) start = at;
    } else if (depth === 0) {
      if (character.trim() !== "") return undefined;
    } else if (character === '"') {
      isInString = true;
    } else if ((character === "]" || character === "}") && --depth === 0) {
      try {
        values.push(JSON.parse(text.slice(start, at + 1)));
      } catch {
        return undefined;
      }
    }
  }
  return depth === 0 ? values : undefined;
}

/**
 * @param value documents in any order, alone, in arrays, in pages, or by name; each is recognised by its
 *   fields.
 * @throws FlError("invalid-argument")
 */
export function recordingOf(file: string, value: unknown): Recording {
  const runs: Run[] = [];
  const rounds: Round[] = [];
  const invocations: Invocation[] = [];
  for (const document of documentsOf(value)) {
    if (typeof document !== "object" || document === null) throw broken(file, "a value is not a document");
    if ("spec" in document) runs.push(parsed(file, Run, document));
    else if ("cohort" in document) rounds.push(parsed(file, Round, upgradedRound({ ...document })));
    else if ("attempt" in document) invocations.push(parsed(file, Invocation, document));
    else
      throw broken(
        file,
        `a document is not a run, round or invocation: it has ${Object.keys(document).join(", ")}`,
      );
  }
  const [run] = runs;
  if (run === undefined || runs.length > 1) throw broken(file, `it has ${runs.length} runs instead of one`);
  if (rounds.length === 0) throw broken(file, "it has no rounds");
  if (invocations.length === 0) throw broken(file, "it has no invocations");
  const lacking = roundsLacking(rounds, invocations);
  if (lacking.length > 0) throw broken(file, `it lacks invocations of ${listed(lacking)}`);
  return { run, rounds: rounds.sort((a, b) => a.round - b.round), invocations };
}

/** Without a client's invocation, a replay would do there what it did in another round. */
function roundsLacking(rounds: readonly Round[], invocations: readonly Invocation[]): readonly number[] {
  const byRound = Map.groupBy(invocations, ({ round }) => round);
  return rounds.flatMap((round) => {
    const there = new Set(byRound.get(round.round)?.map(({ clientId }) => clientId));
    // In a relay a client has none whose turn did not come, and how many had one is known once it is over.
    const isWhole = isRelay(round)
      ? there.size >= round.counts.invoked && there.size > 0
      : round.cohort.every((clientId) => there.has(clientId));
    return isWhole ? [] : [round.round];
  });
}

/** "round 2", "rounds 2, 3 and 40 more". */
function listed(rounds: readonly number[]): string {
  const named = rounds.slice(0, MAX_NAMED_ROUNDS).join(", ");
  const more = rounds.length - MAX_NAMED_ROUNDS;
  return `${rounds.length === 1 ? "round" : "rounds"} ${named}${more > 0 ? ` and ${more} more` : ""}`;
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
  return new FlError("invalid-argument", `${file} is not an exported run: ${what}. ${EXPECTED}`);
}
