// The fold itself: each update is read into the aggregation's own memory and checked whole before it touches the sum; a
// bad one is dropped with its reasons and costs only itself.

import { FlError } from "../../shared/core/errors.ts";
import { countedSamples } from "../../shared/core/methods/aggregation/countedSamples.ts";
import { type Aggregation, aggregations } from "../../shared/core/methods/aggregation/index.ts";
import { isUsable, stalenessWeight } from "../../shared/core/methods/aggregation/staleness.ts";
import { encodings } from "../../shared/core/methods/update/encoding.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { updateOf } from "../../shared/core/round/inbox.ts";
import { modelObject, updateObject } from "../../shared/core/round/objects.ts";
import { expiry } from "../../shared/core/round/report.ts";
import { judgeVersion, versionMadeBy, whyUnusable } from "../../shared/core/round/setBack.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { ConsumedUpdate, DroppedUpdate, Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors, maxFileBytes, safetensorsParts } from "../../shared/core/updates/safetensors.ts";
import { readUpdate } from "../../shared/core/updates/update.ts";
import type { UpdateCheck } from "../../shared/core/updates/validate.ts";
import { type ModelShape, sentParameters, tensorsOf, weightsOf } from "../../shared/core/updates/weights.ts";
import type { AggregatorDeps } from "./deps.ts";
import { type Received, readAhead, readInto } from "./readAhead.ts";

/** Values are used where they lie, so they must lie at a multiple of their size. */
const VALUE_BYTES = 4;

export interface Fold {
  readonly consumed: readonly ConsumedUpdate[];
  readonly dropped: readonly DroppedUpdate[];
  /** Once only: the next version is made in the memory of the fold. */
  finish(): Promise<MadeVersion>;
}

/** The file of the next model version, in parts, where it can be used. */
export type MadeVersion =
  | { readonly kind: "sound"; readonly parts: readonly Uint8Array[] }
  | { readonly kind: "doubtful"; readonly parts: readonly Uint8Array[]; readonly reason: string }
  | { readonly kind: "broken"; readonly reason: string };

/** @param inputs in the order in which they are folded, which decides the bytes of the result. */
export async function foldUpdates(
  run: Run,
  round: Round,
  inputs: readonly Invocation[],
  deps: AggregatorDeps,
): Promise<Fold> {
  if (run.model === null) throw new FlError("failed-precondition", `Run ${run.runId} has no model.`);
  const model = run.model.parameters;
  const { strategy, staleness: options, maxSamplesRatio } = run.spec.aggregation;
  const aggregation = aggregations[strategy](model);
  const folded: Omit<ConsumedUpdate, "weight">[] = [];
  const dropped: DroppedUpdate[] = [];
  const wanted = [];
  for (const invocation of inputs) {
    const { update: pointer, training } = invocation;
    const update = updateOf(invocation);
    if (update === null || pointer === null || training === null) continue;
    const staleness = round.round - invocation.round;
    const tooOld = isUsable(staleness, options.maxRounds) ? null : expiry(run, staleness);
    if (tooOld !== null) {
      dropped.push({ ...update, fate: "expired", reason: tooOld });
      continue;
    }
    const { baseVersion, updateGeneration } = invocation;
    const unusable = whyUnusable(run, baseVersion);
    if (unusable !== null) {
      dropped.push({ ...update, fate: "rejected", reason: `It was trained from a bad base: ${unusable}.` });
      continue;
    }
    // Of no use to a round whose own base is bad: it waits for the next one.
    if (whyUnusable(run, round.baseVersion) !== null) continue;
    const name = updateObject(run.runId, update);
    const generation = updateGeneration ?? undefined;
    wanted.push({ ...pointer, name, generation, update, training, staleness, baseVersion });
  }
  const counted = countedSamples(
    wanted.map(({ training }) => training),
    run.spec.training,
    maxSamplesRatio,
  );
  const weighed = wanted.map((update, index) => ({ ...update, samples: counted[index] ?? 1 }));
  const maxBytes = maxFileBytes(encodings[run.spec.encoding].layout(sentParameters(model)));
  const received = readAhead(weighed, maxBytes, aggregation.room, deps.objects);
  for await (const [{ update, training, samples, staleness, ...reported }, file] of received) {
    if (!file.ok && file.gone) {
      await requireUnpublished(round, deps);
      dropped.push({ ...update, fate: "expired", reason: `${file.reason} ${GONE}` });
      continue;
    }
    const checked = checkReceived(run, model, reported, file);
    if (!checked.ok) {
      const reason = checked.problems.map((problem) => `${problem.code}: ${problem.message}`).join(" ");
      dropped.push({ ...update, fate: "rejected", reason: reason.slice(0, 1_000).toWellFormed() });
      continue;
    }
    aggregation.add({
      delta: checked.delta,
      scale: checked.scale,
      samples,
      stalenessWeight: stalenessWeight(options, staleness, round.round),
    });
    const clipped = checked.scale < 1 ? { scale: checked.scale } : {};
    const fewer = samples < training.samples ? { toldSamples: training.samples } : {};
    folded.push({ ...update, samples, ...fewer, staleness, ...clipped });
  }
  const shares = folded.length === 0 ? [] : aggregation.shares();
  return {
    consumed: folded.map((update, index) => ({ ...update, weight: shares[index] ?? 0 })),
    dropped,
    finish: () => nextVersion(aggregation, run, round, deps),
  };
}

/** It was there when it was reported, so its client has done its part. */
const GONE =
  "Updates that wait are kept for 30 days, as those of a run that is paused do; nothing else removes them.";

/** The aggregator that publishes a round removes its updates: what is missing then is no fault, and this fold is in vain. */
async function requireUnpublished(round: Round, { store }: AggregatorDeps): Promise<void> {
  const current = await store.get(refs.round(round.runId, round.round));
  if (current?.status === "aggregating") return;
  throw new FlError("aborted", `Round ${round.round} of run ${round.runId} was published meanwhile.`);
}

async function readBase(
  run: Run,
  round: Round,
  aggregation: Aggregation,
  { objects }: AggregatorDeps,
): Promise<Uint8Array> {
  const name = modelObject(run.runId, round.baseVersion);
  try {
    return await readInto(name, aggregation.room, objects);
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "not-found") throw error;
    const message = `Version ${round.baseVersion} of run ${run.runId} is gone: restore ${name} in the model bucket.`;
    throw new FlError("data-loss", message, { cause: error });
  }
}

/** The base version, moved in place. */
async function nextVersion(
  aggregation: Aggregation,
  run: Run,
  round: Round,
  deps: AggregatorDeps,
): Promise<MadeVersion> {
  if (run.model === null) throw new FlError("failed-precondition", `Run ${run.runId} has no model.`);
  const base = await readBase(run, round, aggregation, deps);
  const weights = weightsOf(decodeSafetensors(base).tensors, run.model.parameters);
  const next = aggregation.finish(weights);
  const verdict = judgeVersion(next);
  if (verdict.kind === "broken") return { kind: "broken", reason: verdict.reason };
  const parts = safetensorsParts(tensorsOf(next), {
    runId: run.runId,
    version: String(versionMadeBy(round)),
    round: String(round.round),
  });
  return { ...verdict, parts };
}

function checkReceived(
  run: Run,
  model: ModelShape,
  { sha256, baseVersion }: { readonly sha256: string; readonly baseVersion: number },
  received: Received,
): UpdateCheck {
  if (!received.ok) {
    return { ok: false, problems: [{ code: "unreadable", message: received.reason, tensor: null }] };
  }
  const { encoding, aggregation } = run.spec;
  const expected = { model, encoding, baseVersion, sha256, norm: aggregation.norm };
  return readUpdate(received.file, received.sha256, expected, { dataAlignment: VALUE_BYTES });
}
