// Writes the next model version only where there is none: never over one that is published.
import { FlError } from "../../shared/core/errors.ts";
import type { ObjectInfo } from "../../shared/core/ports/objectStore.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject, stateObject } from "../../shared/core/round/objects.ts";
import { versionMadeBy } from "../../shared/core/round/setBack.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { safetensorsParts } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf, type Weights } from "../../shared/core/updates/weights.ts";
import type { AggregatorDeps } from "./deps.ts";

/** No function's call lasts longer: an object older than that is not being written any more. */
const LONGEST_CALL_MS = 1_800_000;

/** What a fold has made: the version, and what its method keeps with it. */
export interface Made {
  readonly weights: Weights;
  readonly state: Weights | null;
}

/** Writes the version, and before it what its method keeps: a version that is published has both. */
export async function writeVersion(
  run: Run,
  round: Round,
  { weights, state }: Made,
  deps: AggregatorDeps,
): Promise<void> {
  const version = versionMadeBy(round);
  const facts = { runId: run.runId, version: String(version), round: String(round.round) };
  if (state !== null) {
    const { strategy } = run.spec.aggregation;
    const parts = safetensorsParts(tensorsOf(state), { ...facts, strategy });
    await writeOnce("write-state", stateObject(run.runId, version), round, parts, deps);
  }
  const parts = safetensorsParts(tensorsOf(weights), facts);
  await writeOnce("write-model", modelObject(run.runId, version), round, parts, deps);
}

/**
 * Of the same inputs every attempt makes the same bytes, so an object that is there is this one, and is
 * checked to be. Other bytes are left by a round that is over and made none, or by another release of the
 * function: they are replaced once no attempt can still be about to publish them.
 *
 * @throws FlError("aborted") when the round is published meanwhile, or another attempt may be about to
 *   publish other bytes.
 */
async function writeOnce(
  step: "write-model" | "write-state",
  name: string,
  round: Round,
  parts: readonly Uint8Array[],
  deps: AggregatorDeps,
): Promise<void> {
  const { objects, nowMs } = deps;
  const write = (ifGeneration: number | string) =>
    objects.write(name, parts, {
      step,
      ifGeneration,
      metadata: { round: String(round.round), writtenAt: String(nowMs()) },
    });
  if (await succeeds(write(0))) return;
  const there = await objects.stat(name);
  if (there !== null && (await hasBytes(there, parts, deps))) return;
  if (there !== null && (await mayReplace(there, round, deps)) && (await succeeds(write(there.generation)))) {
    return;
  }
  throw new FlError("aborted", `Another attempt has written other bytes to ${name}, and may publish them.`);
}

/**
 * False when the object is another one than expected, which the answer to a repeated try may say of our own
 * write.
 */
async function succeeds(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof FlError && error.code === "failed-precondition") return false;
    throw error;
  }
}

async function mayReplace(
  { metadata }: ObjectInfo,
  { runId, round }: Round,
  { store, nowMs }: AggregatorDeps,
): Promise<boolean> {
  const current = await store.get(refs.round(runId, round));
  if (current?.status !== "aggregating") {
    throw new FlError("aborted", `Round ${round} of run ${runId} was published in the meantime.`);
  }
  // Absent in what release 0.1 wrote.
  const { round: ofRound = "", writtenAt = "0" } = metadata;
  return ofRound !== String(round) || nowMs() - Number(writtenAt) > LONGEST_CALL_MS;
}

async function hasBytes(
  { name, generation, sizeBytes }: ObjectInfo,
  parts: readonly Uint8Array[],
  { objects }: AggregatorDeps,
): Promise<boolean> {
  if (sizeBytes !== parts.reduce((sum, { byteLength }) => sum + byteLength, 0)) return false;
  const rest = parts.values();
  let part: Uint8Array = new Uint8Array(0);
  const { stream } = await objects.openRead(name, generation);
  for await (let chunk of stream) {
    while (chunk.byteLength > 0) {
      if (part.byteLength === 0) {
        const next = rest.next();
        if (next.done === true) return false;
        part = next.value;
        continue;
      }
      const length = Math.min(part.byteLength, chunk.byteLength);
      if (Buffer.compare(part.subarray(0, length), chunk.subarray(0, length)) !== 0) return false;
      part = part.subarray(length);
      chunk = chunk.subarray(length);
    }
  }
  return true;
}
