// The aggregator's fold over a real bucket: blocks by ranges, state beside versions, and updates that change
// while they are folded.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AggregatorDeps } from "../../functions/aggregator/deps.ts";
import { foldSource } from "../../functions/aggregator/foldSource.ts";
import { writeVersion } from "../../functions/aggregator/writeVersion.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { GRAM_CHUNK } from "../../shared/core/methods/aggregation/gram.ts";
import { AggregationOptions } from "../../shared/core/methods/aggregation/options.ts";
import { aggregationFaces } from "../../shared/core/methods/registry/aggregationFaces.ts";
import { type EncodingName, encodingNames } from "../../shared/core/methods/update/encodings.ts";
import { encodeUpdate } from "../../shared/core/methods/update/update.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { foldUpdates } from "../../shared/core/round/fold.ts";
import type { FoldSource } from "../../shared/core/round/foldSource.ts";
import { modelObject, stateObject, updateObject } from "../../shared/core/round/objects.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { encodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf, type Weights } from "../../shared/core/updates/weights.ts";
import { buildReported, buildRound, buildRun, buildSpec } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";

/** More than a block, in tensors that end anywhere. */
const model = [
  { name: "b/kernel", shape: [GRAM_CHUNK + 5] },
  { name: "a/kernel", shape: [3, 700] },
  { name: "c/mean", shape: [11], role: "statistic" as const },
];
const UPDATES = 6;

let cloud: TestCloud;
let deps: AggregatorDeps;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => createTestTrainer(),
    evaluationData: async () => {
      throw new Error("nothing is scored");
    },
  });
  const capacity = { memoryMib: 512, vcpu: 1 };
  // What the fold uses of it; the rest is the function's.
  deps = { ...({} as AggregatorDeps), store: cloud.store, objects: cloud.objects, capacity, nowMs: Date.now };
});

afterAll(() => cloud.stop());

function drawn(seed: number): Weights {
  const random = randomFrom(seed);
  return model.map(({ name, shape }) => ({
    name,
    shape,
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.next() - 0.5),
  }));
}

let runs = 0;

/** A run of one version, and updates to it in the bucket. */
async function stored(aggregation: object, encoding: EncodingName) {
  const runId = `fold-${++runs}`;
  const options = AggregationOptions.parse(aggregation);
  const spec = { ...buildSpec(), aggregation: options, encoding };
  const run: Run = buildRun({ runId, spec, modelVersion: 0, round: 1, openRound: 1 });
  const round = buildRound({ runId, round: 1, status: "aggregating", baseVersion: 0 });
  await cloud.objects.write(modelObject(runId, 0), encodeSafetensors(tensorsOf(drawn(99))), {});
  const inputs: Invocation[] = [];
  for (let i = 0; i < UPDATES; i++) {
    const clientId = `client-${i}`;
    const reported = buildReported({ runId, round: 1, clientId, baseVersion: 0 });
    const file = encodeUpdate(drawn(i), { encoding, baseVersion: 0, model, random: randomFrom(i) });
    const name = updateObject(runId, { round: 1, clientId, attempt: 1 });
    const { generation } = await cloud.objects.write(name, file, {});
    const sha256 = createHash("sha256").update(file).digest("hex");
    inputs.push({
      ...reported,
      update: { attempt: 1, sizeBytes: file.byteLength, sha256 },
      updateGeneration: generation,
    });
  }
  return { run, round, inputs };
}

describe.each(aggregationFaces.map(({ name }) => name))("%s", (strategy) => {
  it.each(encodingNames)("makes the same bytes of %s by ranges as of what it holds", async (encoding) => {
    const { run, round, inputs } = await stored({ strategy }, encoding);
    const made = [];
    for (const budgetBytes of [0, Number.POSITIVE_INFINITY]) {
      const fold = await foldUpdates(
        run,
        round,
        model,
        inputs,
        foldSource(run, round, model, deps),
        budgetBytes,
      );
      expect(fold.dropped).toEqual([]);
      const version = await fold.finish();
      if (version.kind !== "sound") throw new Error(version.kind);
      made.push({ weights: copied(version.weights), state: copied(version.state ?? []) });
    }
    expect(made[1]).toEqual(made[0]);
  });
});

function copied(weights: Weights): Weights {
  return weights.map((weight) => ({ ...weight, values: weight.values.slice() }));
}

/** One of the updates is written over between the check and the first block. */
function swapping(run: Run, round: Round): FoldSource {
  const source = foldSource(run, round, model, deps);
  return {
    ...source,
    block: async (...block) => {
      const name = updateObject(run.runId, { round: 1, clientId: "client-2", attempt: 1 });
      const other = encodeUpdate(drawn(7), { encoding: "f32", baseVersion: 0, model });
      await cloud.objects.write(name, other, {});
      return source.block(...block);
    },
  };
}

it("does not fold a block of another write than the one that it checked", async () => {
  const { run, round, inputs } = await stored({ strategy: "median" }, "f32");
  const swapped = swapping(run, round);
  // Published meanwhile, for all that the fold knows: there is no such round.
  await expect(foldUpdates(run, round, model, inputs, swapped, 0)).rejects.toMatchObject({ code: "aborted" });
  const again = await stored({ strategy: "median" }, "f32");
  await cloud.store.transact("open-round", async (transaction) => {
    transaction.set(refs.round(again.run.runId, 1), again.round);
  });
  await expect(
    foldUpdates(again.run, again.round, model, again.inputs, swapping(again.run, again.round), 0),
  ).rejects.toMatchObject({ code: "unavailable", retry: "soon" });
});

it("goes on from the state of its base, and says which is gone", async () => {
  const { run, round, inputs } = await stored({ strategy: "fedavgm" }, "f32");
  const first = await foldUpdates(run, round, model, inputs, foldSource(run, round, model, deps), 0);
  const made = await first.finish();
  if (made.kind !== "sound" || made.state === null) throw new Error("no version");
  const momentum = copied(made.state);
  await writeVersion(run, round, made, deps);
  // The same again changes nothing.
  await writeVersion(run, round, made, deps);

  const next = buildRound({ runId: run.runId, round: 2, status: "aggregating", baseVersion: 1 });
  const later = { ...run, round: 2, openRound: 2, modelVersion: 1 };
  const source = foldSource(later, next, model, deps);
  const shape = momentum.map(({ name, shape }) => ({ name, shape }));
  expect(await source.state(shape)).toEqual(momentum);
  await cloud.objects.remove(stateObject(run.runId, 1), { step: "remove-update" });
  await expect(source.state(shape)).rejects.toMatchObject({
    code: "data-loss",
    message: `Version 1 of run ${run.runId} is gone: restore ${stateObject(run.runId, 1)} in the model bucket.`,
  });
});
