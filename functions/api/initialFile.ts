// The file that a spec names for a run's initial values: an upload, or a version of another run. Which file
// it is, is settled here, and kept with the run.
import { FlError, type Problem } from "../../shared/core/errors.ts";
import type { ProtocolObjects } from "../../shared/core/ports/objectStore.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { startingVersion } from "../../shared/core/round/namedVersion.ts";
import { modelObject, uploadObject } from "../../shared/core/round/objects.ts";
import type { InitialFile } from "../../shared/core/round/runCheck.ts";
import type { GivenWeights, WeightsOfRun } from "../../shared/core/schemas/model.ts";
import type { StoredWeights } from "../../shared/core/schemas/spec.ts";
import { headerEnd, parseHeader, type TensorEntry } from "../../shared/core/updates/safetensors.ts";
import type { ApiDeps } from "./deps.ts";

/** The file, and what the run's document keeps of it; or what is wrong. */
export type FoundFile =
  | { readonly file: InitialFile; readonly stored: StoredWeights }
  | { readonly problems: readonly Problem[] };

export async function findInitialFile(
  weights: GivenWeights,
  deps: Pick<ApiDeps, "store" | "objects">,
): Promise<FoundFile> {
  if ("run" in weights) return versionOf(weights, deps);
  const { upload, partial } = weights;
  const [path, object] = ["model.weights.upload", uploadObject(upload)] as const;
  const read = await readHeader(object, deps.objects);
  if (read === null) {
    const message = "nothing was uploaded by this id: PUT the file to the link of the upload";
    return { problems: [{ path, message }] };
  }
  if ("why" in read) return { problems: [{ path, message: read.why }] };
  return { file: { path, ...read }, stored: { object, partial } };
}

async function versionOf(
  { run: runId, version: named, partial }: WeightsOfRun,
  { store, objects }: Pick<ApiDeps, "store" | "objects">,
): Promise<FoundFile> {
  const path = "model.weights.run";
  const wrong = (at: string, message: string) => ({ problems: [{ path: at, message }] });
  const run = await store.get(refs.run(runId));
  if (run === null) return wrong(path, `there is no run ${runId}`);
  const found = startingVersion(run, named);
  if ("why" in found) return wrong("model.weights.version", `run ${runId} ${found.why}`);
  const { version } = found;
  const object = modelObject(runId, version);
  const read = await readHeader(object, objects);
  if (read === null) {
    return wrong("model.weights.version", `the file of version ${version} of run ${runId} is gone`);
  }
  if ("why" in read) return wrong(path, read.why);
  const parameters = run.model === null ? {} : { parameters: run.model.parameters };
  return { file: { path, ...read, ...parameters }, stored: { object, partial, from: { runId, version } } };
}

/** Bytes of a safetensors file's length field: none is shorter. */
const LENGTH_BYTES = 8;

/** Null where there is no such object. */
async function readHeader(
  object: string,
  objects: ProtocolObjects,
): Promise<{ readonly tensors: readonly TensorEntry[] } | { readonly why: string } | null> {
  const info = await objects.stat(object);
  if (info === null) return null;
  if (info.sizeBytes < LENGTH_BYTES) return { why: "the file is too short to be a safetensors file" };
  const isNotWhole = { why: "the file is not a whole safetensors file" };
  try {
    const end = headerEnd(await objects.readRange(object, 0, LENGTH_BYTES));
    if (end > info.sizeBytes) return isNotWhole;
    const { tensors, fileBytes } = parseHeader(await objects.readRange(object, 0, end));
    return fileBytes === info.sizeBytes ? { tensors } : isNotWhole;
  } catch (error) {
    if (error instanceof FlError && error.code === "invalid-argument") {
      return { why: error.message.replace(/\.$/, "") };
    }
    throw error;
  }
}
