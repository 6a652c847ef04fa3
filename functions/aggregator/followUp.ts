// After a round is published: marks on its invocations, the fold of the roster, objects nobody needs any more. Every
// step may be repeated; the round says when all are done.

import { refs, type Store } from "../../shared/core/ports/store.ts";
import { enrol, foldRound } from "../../shared/core/roster/fold.ts";
import { markAfter } from "../../shared/core/round/marks.ts";
import { updateObject } from "../../shared/core/round/objects.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { AggregatorDeps } from "./deps.ts";

/** Clocks of two instances may differ; see the coordinator's look at changed clients. */
const CLOCK_MARGIN_MS = 60_000;

/** Done at once; objects and documents are independent of each other. */
const PARALLEL = 20;

export async function followUp(round: Round, deps: AggregatorDeps): Promise<void> {
  await Promise.all([markInvocations(round, deps), foldRoster(round, deps)]);
  await removeUpdates(round, deps);
  await deps.store.transact(async (transaction) => {
    const ref = refs.round(round.runId, round.round);
    const current = await transaction.get(ref);
    if (current !== null && !current.followedUp) transaction.set(ref, { ...current, followedUp: true });
  });
}

/** Each mark is a transaction of its own document: a client may be reporting, late, at this very moment. */
async function markInvocations(round: Round, { store, nowMs }: AggregatorDeps): Promise<void> {
  const places = new Map(
    [...round.outcomes, ...round.consumed, ...round.dropped].map(({ round: number, clientId }) => [
      `${number}/${clientId}`,
      refs.invocation(round.runId, number, clientId),
    ]),
  );
  await inBatches([...places.values()], (ref) =>
    store.transact(async (transaction) => {
      const invocation = await transaction.get(ref);
      const marked = invocation === null ? null : markAfter(round, invocation, nowMs());
      if (marked !== null) transaction.set(ref, marked);
    }),
  );
}

async function foldRoster(round: Round, { store }: AggregatorDeps): Promise<void> {
  const { runId } = round;
  const since = await rosterAsOf(store, runId, round.round - 1);
  const [shards, changed] = await Promise.all([
    store.rosterShards(runId),
    store.clientsChangedSince(since - CLOCK_MARGIN_MS),
  ]);
  const concerned = new Set(round.outcomes.map((outcome) => outcome.clientId));
  const enrolled = enrol(runId, shards, changed);
  const folded = enrolled.map((shard) =>
    Object.keys(shard.clients).some((clientId) => concerned.has(clientId)) ? foldRound(shard, round) : shard,
  );
  await inBatches([...folded.entries()], async ([index, shard]) => {
    const seen = shards[index];
    if (shard === seen) return;
    const ref = refs.rosterShard(runId, shard.shard);
    await store.transact(async (transaction) => {
      const current = await transaction.get(ref);
      // Somebody has folded since: an attempt that stalled must not undo it.
      if (current?.foldedRound === seen?.foldedRound) transaction.set(ref, shard);
    });
  });
}

async function rosterAsOf(store: Store, runId: string, roundNumber: number): Promise<number> {
  if (roundNumber < 1) return 0;
  return (await store.get(refs.round(runId, roundNumber)))?.rosterAsOfAt ?? 0;
}

/** Consumed and dropped updates are no longer needed; a late one still waiting is kept. */
async function removeUpdates(round: Round, { objects }: AggregatorDeps): Promise<void> {
  await inBatches([...round.consumed, ...round.dropped], (update) =>
    objects.remove(updateObject(round.runId, update)),
  );
}

async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += PARALLEL) {
    await Promise.all(items.slice(start, start + PARALLEL).map(act));
  }
}
