// The fold itself: one update in memory at a time, checked whole before it touches the sum; a bad one is dropped with
// its reasons and costs only itself.
import { createHash } from "node:crypto";
import { aggregations } from "../../shared/core/aggregation/index.ts";
import { stalenessWeight } from "../../shared/core/aggregation/staleness.ts";
import { FlError } from "../../shared/core/errors.ts";
import type { ObjectInfo } from "../../shared/core/ports/objectStore.ts";
import { modelObject, updateObject } from "../../shared/core/round/objects.ts";
import { updateOf } from "../../shared/core/round/publish.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { ConsumedUpdate, DroppedUpdate, Round, UpdateId } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors, encodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { readUpdate } from "../../shared/core/updates/update.ts";
import type { UpdateCheck } from "../../shared/core/updates/validate.ts";
import { tensorsOf, weightsOf } from "../../shared/core/updates/weights.ts";
import type { AggregatorDeps } from "./deps.ts";

export interface Fold {
  readonly consumed: readonly ConsumedUpdate[];
  readonly dropped: readonly DroppedUpdate[];
  /** Writes the next model version and returns its number. */
  write(): Promise<number>;
}

/**
 * @param usable in the order in which they are folded, which decides the bytes of the result.
 * @param before what lay at the next version's name before the lease was taken.
 */
export async function foldUpdates(
  run: Run,
  round: Round,
  usable: readonly Invocation[],
  before: ObjectInfo | null,
  deps: AggregatorDeps,
): Promise<Fold> {
  if (run.model === null) throw new FlError("failed-precondition", `Run ${run.runId} has no model.`);
  const model = run.model.parameters;
  const { strategy, staleness: options } = run.spec.aggregation;
  const version = round.baseVersion + 1;
  const object = modelObject(run.runId, version);

  const aggregation = aggregations[strategy](model);
  const folded: Omit<ConsumedUpdate, "weight">[] = [];
  const dropped: DroppedUpdate[] = [];
  for (const invocation of usable) {
    const update = updateOf(invocation);
    if (update === null || invocation.training === null) continue;
    const checked = await readChecked(run, invocation, update, deps);
    if (!checked.ok) {
      const reason = checked.problems.map((problem) => `${problem.code}: ${problem.message}`).join(" ");
      dropped.push({ ...update, fate: "rejected", reason: reason.slice(0, 1_000).toWellFormed() });
      continue;
    }
    const staleness = round.round - invocation.round;
    const { samples } = invocation.training;
    aggregation.add({
      delta: checked.delta,
      scale: checked.scale,
      samples,
      stalenessWeight: stalenessWeight(options, staleness, round.round),
    });
    const clipped = checked.scale < 1 ? { scale: checked.scale } : {};
    folded.push({ ...update, samples, staleness, ...clipped });
  }
  const shares = folded.length === 0 ? [] : aggregation.shares();
  return {
    consumed: folded.map((update, index) => ({ ...update, weight: shares[index] ?? 0 })),
    dropped,
    write: async () => {
      const base = await deps.objects.read(modelObject(run.runId, round.baseVersion));
      const next = aggregation.finish(weightsOf(decodeSafetensors(base).tensors, model));
      const metadata = { runId: run.runId, version: String(version), round: String(round.round) };
      await writeOnce(object, encodeSafetensors(tensorsOf(next), metadata), before?.generation ?? 0, deps);
      return version;
    },
  };
}

/**
 * An attempt that died may have left this object, unpublished: only what was there when this attempt began is replaced,
 * so that an attempt whose lease has run out never overwrites a published version.
 */
async function writeOnce(
  object: string,
  bytes: Uint8Array,
  ifGeneration: string | number,
  { objects }: AggregatorDeps,
): Promise<void> {
  try {
    await objects.write(object, bytes, { ifGeneration });
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "failed-precondition") throw error;
    throw new FlError("aborted", `Another attempt wrote ${object} meanwhile.`, { cause: error });
  }
}

async function readChecked(
  run: Run,
  invocation: Invocation,
  update: UpdateId,
  { objects }: AggregatorDeps,
): Promise<UpdateCheck> {
  const pointer = invocation.update;
  if (pointer === null || run.model === null)
    throw new FlError("internal", "A candidate has an update and a model.");
  const name = updateObject(run.runId, update);
  let bytes: Uint8Array;
  try {
    const info = await objects.stat(name);
    if (info !== null && info.sizeBytes !== pointer.sizeBytes) {
      const sizes = `The object has ${info.sizeBytes} bytes, the client reported ${pointer.sizeBytes}`;
      return unreadable(`${sizes}: upload the very file that is reported.`);
    }
    bytes = await objects.read(name);
  } catch (error) {
    if (error instanceof FlError && error.code === "not-found") {
      return unreadable("The client reported an update that it never uploaded: upload first.");
    }
    throw error;
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return readUpdate(bytes, sha256, {
    model: run.model.parameters,
    encoding: run.spec.encoding,
    baseVersion: invocation.baseVersion,
    sha256: pointer.sha256,
    norm: run.spec.aggregation.norm,
  });
}

function unreadable(message: string): UpdateCheck {
  return { ok: false, problems: [{ code: "unreadable", message, tensor: null }] };
}
