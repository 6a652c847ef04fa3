// Model versions of a run: which there are, and their files.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FlError } from "../../../shared/core/errors.ts";
import type { Evaluation } from "../../../shared/core/schemas/evaluation.ts";
import { whyNot } from "../../setup/faults.mjs";
import type { Api } from "../frame/api.ts";
import { evaluationsOf } from "./evaluations.ts";

export interface Version {
  readonly version: number;
  /** The round that made it; null for the initial weights. */
  readonly round: number | null;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly isBest: boolean;
  readonly isLast: boolean;
  /** The last one that somebody asked for; null where nobody has. */
  readonly evaluation: Evaluation | null;
}

/** Documents of rounds are large where cohorts are. */
const ROUNDS_A_CALL = 50;

/** First to last. A round that was degraded made none. */
export async function versionsOf(runId: string, api: Api): Promise<readonly Version[]> {
  const run = await api.typed.run(runId);
  if (run.modelVersion === null) return [];
  const evaluations = await evaluationsOf(runId, api);
  const best = run.best?.version;
  const of = (version: number, more: Pick<Version, "round" | "accuracy" | "loss">): Version => ({
    version,
    ...more,
    isBest: version === best,
    isLast: version === run.modelVersion,
    evaluation: evaluations.get(version) ?? null,
  });
  const versions = [of(0, { round: null, accuracy: null, loss: null })];
  for await (const { round, newVersion, accuracy, loss } of api.typed.eachRound(runId, ROUNDS_A_CALL)) {
    if (newVersion !== null) versions.push(of(newVersion, { round, accuracy, loss }));
  }
  return versions;
}

/** `RUN:V` as a run and a version; without one, the last. */
export function splitModel(text: string): { readonly run: string; readonly version: string } {
  const [run = "", version = "last"] = text.split(":");
  return { run, version };
}

export interface Downloaded {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

const DOWNLOAD_MS = 600_000;

/**
 * Writes what a link gives, as a whole or not at all.
 *
 * @throws FlError("unavailable") where it cannot be read; FlError("failed-precondition") where it cannot be
 *   written
 */
export async function download(url: string, path: string): Promise<Downloaded> {
  const draft = `${path}.part`;
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const counted = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
      done(null, chunk);
    },
  });
  // The link is its own authority: no identity goes with it.
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_MS) }).catch((cause: unknown) => {
    throw new FlError("unavailable", "The storage does not answer.", { cause });
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new FlError("unavailable", `The storage answered ${response.status}.`);
  }
  try {
    await pipeline(Readable.fromWeb(response.body), counted, createWriteStream(draft));
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new FlError("failed-precondition", `${path} cannot be written: ${whyNot(cause)}.`, { cause });
  }
  return { path, sizeBytes, sha256: hash.digest("hex") };
}
