// `@last`: the run that was created last in this folder, kept beside the spec.
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { readPrivate, writePrivate } from "../profiles/privateFile.ts";

const file = (cwd: string) => join(cwd, ".fedstratus", "last-run.json");

/** @throws FlError("not-found") where none was created here for this api */
export async function readLastRun(cwd: string, apiUrl: string): Promise<string> {
  const text = await readPrivate(file(cwd));
  let known: { readonly apiUrl?: unknown; readonly runId?: unknown } = {};
  try {
    known = Object(JSON.parse(text ?? "null"));
  } catch {
    // As if there were none: the next run writes it anew.
  }
  if (known.apiUrl === apiUrl && typeof known.runId === "string") return known.runId;
  const message = `@last: no run of ${apiUrl} was created in this folder. Name a run; fedstratus run list shows them.`;
  throw new FlError("not-found", message);
}

export async function writeLastRun(cwd: string, apiUrl: string, runId: string): Promise<void> {
  await writePrivate(file(cwd), `${JSON.stringify({ apiUrl, runId })}\n`);
}
