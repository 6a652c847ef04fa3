// Holds what the functions have written to what the world says, field by field.

import { expect } from "vitest";
import { refs, type Store } from "../../../shared/core/ports/store.ts";
import { updateKey } from "../../../shared/core/round/inbox.ts";
import { modelObject, updatesOf } from "../../../shared/core/round/objects.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import { gathered } from "../../support/gathered.ts";
import type { Documents } from "../../unit/round/invariants.ts";
import type { MemoryBucket } from "./memoryBucket.ts";

/** Where the world says `bad`, the functions say what is bad about it. */
const roundOf = (round: Round): Round => ({
  ...round,
  dropped: round.dropped.map((update) =>
    update.fate === "rejected" ? { ...update, reason: "bad" } : update,
  ),
});
/** The world has no generations but one. */
const invocationOf = (invocation: Invocation): Invocation => ({
  ...invocation,
  updateGeneration: invocation.updateGeneration === null ? null : "1",
  failure:
    invocation.status === "rejected" && invocation.failure !== null
      ? { ...invocation.failure, message: "bad" }
      : invocation.failure,
});

/**
 * Compares every document that the world has changed since `before`; all of them where that is null. And all
 * objects.
 */
export async function compareDocuments(
  store: Store,
  objects: MemoryBucket,
  before: Documents | null,
  after: Documents,
): Promise<void> {
  const { runId } = after.run;
  const changed = <T>(old: readonly T[] | undefined, now: readonly T[]) =>
    now.filter((value) => !(old?.includes(value) ?? false));
  const rounds = changed(before?.rounds, after.rounds);
  const invocations = changed(before?.invocations, after.invocations);
  const shards = changed(before?.shards, after.shards);
  const [run, ...found] = await Promise.all([
    before?.run === after.run ? after.run : store.get(refs.run(runId)),
    store.getAll(rounds.map(({ round }) => refs.round(runId, round))),
    store.getAll(invocations.map(({ round, clientId }) => refs.invocation(runId, round, clientId))),
    store.getAll(shards.map(({ shard }) => refs.rosterShard(runId, shard))),
  ]);
  expect(run).toStrictEqual(after.run);
  expect(found[0].map((round) => round && roundOf(round))).toStrictEqual(rounds.map(roundOf));
  expect(found[1].map((one) => one && invocationOf(one))).toStrictEqual(invocations.map(invocationOf));
  expect(found[2]).toStrictEqual(shards);
  expect(objects.names(updatesOf(runId)).map(keyOf).sort()).toEqual([...after.updates].sort());
  const versions = [...after.models.keys(), ...(after.run.modelVersion === null ? [] : [0])];
  expect(objects.names(`runs/${runId}/models/`)).toEqual(
    versions.map((version) => modelObject(runId, version)).sort(),
  );
}

/** Nothing is there that the world does not know. */
export async function compareEverything(
  store: Store,
  objects: MemoryBucket,
  documents: Documents,
): Promise<void> {
  const { runId } = documents.run;
  await compareDocuments(store, objects, null, documents);
  const { items: rounds } = await store.listRounds(runId, { limit: 100 });
  expect(rounds.map(({ round }) => round)).toEqual(documents.rounds.map(({ round }) => round));
  for (const { round, cohort } of rounds) {
    const { items } = await store.listInvocations(runId, round, { limit: 100 });
    expect(items.map(({ clientId }) => clientId)).toEqual(cohort);
  }
  expect(await gathered(store.rosterShards(runId))).toHaveLength(documents.shards.length);
}

function keyOf(objectName: string): string {
  const [, round, clientId, attempt] = /(\d+)\/([^/]+)-(\d+)\.safetensors$/.exec(objectName) ?? [];
  return updateKey({ round: Number(round), clientId: String(clientId), attempt: Number(attempt) });
}
