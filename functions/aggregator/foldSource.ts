// Where the aggregator's fold gets its updates and versions from: the bucket, each update read once, hashed
// as it comes and checked whole before it can touch a sum.
import { FlError } from "../../shared/core/errors.ts";
import { aggregationOf } from "../../shared/core/methods/aggregation/aggregationOf.ts";
import { coversOf } from "../../shared/core/methods/training/assigned.ts";
import { updateShape } from "../../shared/core/methods/training/methodTensors.ts";
import { encodingOf } from "../../shared/core/methods/update/encodingOf.ts";
import { readUpdate } from "../../shared/core/methods/update/update.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { FoldSource, ReadUpdate, Room, WantedUpdate } from "../../shared/core/round/foldSource.ts";
import { modelObject, stateObject, updateObject } from "../../shared/core/round/objects.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors, maxFileBytes } from "../../shared/core/updates/safetensors.ts";
import { type ModelShape, sentParameters, weightsOf } from "../../shared/core/updates/weights.ts";
import { blockReader } from "./blockReader.ts";
import type { AggregatorDeps } from "./deps.ts";
import { type Received, readAhead, readInto } from "./readAhead.ts";

/** Values are used where they lie, so they must lie at a multiple of their size. */
const VALUE_BYTES = 4;

export function foldSource(run: Run, round: Round, model: ModelShape, deps: AggregatorDeps): FoldSource {
  const encoding = encodingOf(run.spec.encoding);
  const sent = updateShape(run.spec.training, model);
  const maxBytes = maxFileBytes(encoding.layout(sentParameters(sent)));
  const blocks = blockReader(run.runId, sent, encoding, deps.objects);
  const needsBlocks = aggregationOf(run.spec.aggregation).access !== "stream";
  return {
    async *updates(wanted, room) {
      const objects = wanted.map((update) => ({ ...objectOf(run, update), update }));
      for await (const [{ update }, received] of readAhead(objects, maxBytes, room, deps.objects)) {
        if (!received.ok && received.gone) await requireUnpublished(round, deps);
        const checked = checkReceived(run, model, sent, update, received);
        if (needsBlocks && received.ok && checked.ok) blocks.remember(update, received.file);
        yield [update, checked];
      }
    },
    block: async (...block) => {
      try {
        return await blocks.read(...block);
      } catch (error) {
        if (!(error instanceof FlError) || error.code !== "not-found") throw error;
        await requireUnpublished(round, deps);
        const message = `An update of round ${round.round} of run ${run.runId} was removed while it was folded.`;
        throw new FlError("unavailable", message, { cause: error });
      }
    },
    base: async (room, version) => {
      const file = await readVersion(modelObject(run.runId, version), run, version, room, deps);
      return weightsOf(decodeSafetensors(file).tensors, model);
    },
    state: async (shape) => {
      if (round.baseVersion === 0) return null;
      const file = await readVersion(
        stateObject(run.runId, round.baseVersion),
        run,
        round.baseVersion,
        (sizeBytes) => new Uint8Array(sizeBytes),
        deps,
      );
      return weightsOf(decodeSafetensors(file).tensors, shape);
    },
  };
}

function objectOf(run: Run, { update, invocation }: WantedUpdate) {
  const { update: pointer, updateGeneration } = invocation;
  if (pointer === null)
    throw new FlError("internal", `No invocation document names the update of ${update.clientId}.`);
  const name = updateObject(run.runId, update);
  return { name, sizeBytes: pointer.sizeBytes, generation: updateGeneration ?? undefined };
}

/**
 * The aggregator that publishes a round removes its updates: a missing update is then no error, and this fold
 * has no effect.
 */
async function requireUnpublished(round: Round, { store }: AggregatorDeps): Promise<void> {
  const current = await store.get(refs.round(round.runId, round.round));
  if (current?.status === "aggregating") return;
  throw new FlError("aborted", `Round ${round.round} of run ${round.runId} was published in the meantime.`);
}

async function readVersion(
  name: string,
  run: Run,
  version: number,
  room: Room,
  { objects }: AggregatorDeps,
): Promise<Uint8Array> {
  try {
    return await readInto(name, room, objects);
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "not-found") throw error;
    const message = `Version ${version} of run ${run.runId} is gone: restore ${name} in the model bucket.`;
    throw new FlError("data-loss", message, { cause: error });
  }
}

function checkReceived(
  run: Run,
  model: ModelShape,
  sent: ModelShape,
  { invocation }: WantedUpdate,
  received: Received,
): ReadUpdate {
  if (!received.ok) {
    if (received.gone) return { ok: false, gone: true, reason: received.reason };
    return { ok: false, problems: [{ code: "unreadable", message: received.reason, tensor: null }] };
  }
  const { encoding, aggregation } = run.spec;
  const { baseVersion } = invocation;
  const sha256 = invocation.update?.sha256 ?? "";
  const covers = coversOf(run.spec, model, invocation);
  const expected = {
    model: sent,
    ...(covers === undefined ? {} : { covers }),
    encoding,
    baseVersion,
    sha256,
    norm: aggregation.norm,
  };
  return readUpdate(received.file, received.sha256, expected, { dataAlignment: VALUE_BYTES });
}
