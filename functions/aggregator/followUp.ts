// After a round is published: marks on its invocations, the fold of the roster, objects no longer needed.
// Every step may be repeated; the round says when all are done.

import { removeAll } from "../../shared/cloud/objects/removeAll.ts";
import { aggregationOf } from "../../shared/core/methods/aggregation/aggregationOf.ts";
import { wantedClient } from "../../shared/core/methods/selection/wantedClients.ts";
import { refs, type Store } from "../../shared/core/ports/store.ts";
import { enrolled, LOOK_BACK_MS } from "../../shared/core/roster/enrol.ts";
import { foldRound } from "../../shared/core/roster/fold.ts";
import { charge } from "../../shared/core/round/charge.ts";
import { updateOf } from "../../shared/core/round/inbox.ts";
import { markAfter } from "../../shared/core/round/marks.ts";
import { stateObject, updateObject, updatesOfRound } from "../../shared/core/round/objects.ts";
import { lastIdleState } from "../../shared/core/round/setBack.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { ChangedClient, RosterShard } from "../../shared/core/schemas/roster.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { AggregatorDeps } from "./deps.ts";

/** Done at once; objects and documents are independent of each other. */
const PARALLEL = 20;
/** Of 500 clients each, as documents and as what is sent. */
const PARALLEL_SHARDS = 4;

/**
 * @param known invocations as this attempt has read them; others are read here.
 * @param owedUsd what this call has cost up to now beyond what the run was charged for it.
 */
export async function followUp(
  run: Run,
  round: Round,
  known: readonly Invocation[],
  owedUsd: () => number,
  deps: AggregatorDeps,
): Promise<void> {
  await Promise.all([markInvocations(round, known, deps), foldRoster(run, round, deps)]);
  await removeUpdates(run, round, deps);
  await deps.store.transact("finish-round", async (transaction) => {
    const [runRef, roundRef] = [refs.run(round.runId), refs.round(round.runId, round.round)];
    const currentRun = await transaction.get(runRef);
    const current = await transaction.get(roundRef);
    if (currentRun === null || current === null || current.followedUp) return;
    const charged = charge(currentRun, current, "aggregatorUsd", Math.max(0, owedUsd()));
    transaction.set(runRef, charged.run);
    transaction.set(roundRef, { ...charged.round, followedUp: true });
  });
}

/**
 * An invocation whose update is settled changes no more, so its mark needs no transaction; any other is
 * marked in one of its own, because its client may be reporting, late, at this very moment.
 */
async function markInvocations(
  round: Round,
  known: readonly Invocation[],
  { store, nowMs }: AggregatorDeps,
): Promise<void> {
  const keyOf = (at: { round: number; clientId: string }) => `${at.round}/${at.clientId}`;
  const settled = new Set([...round.consumed, ...round.dropped].map(keyOf));
  // A copy may be older than the report that a faster aggregator has settled.
  const reported = known.filter((invocation) => updateOf(invocation) !== null);
  const read = new Map(reported.map((invocation) => [keyOf(invocation), invocation]));
  const unread = [...round.consumed, ...round.dropped].filter((update) => !read.has(keyOf(update)));
  const refOf = (at: { round: number; clientId: string }) =>
    refs.invocation(round.runId, at.round, at.clientId);
  for (const invocation of (await store.list(unread.map(refOf))).items) {
    read.set(keyOf(invocation), invocation);
  }
  const marks = [...read.values()]
    .filter((invocation) => settled.has(keyOf(invocation)))
    .flatMap((invocation) => markAfter(round, invocation, nowMs()) ?? [])
    .map((invocation) => ({ ref: refOf(invocation), value: invocation }));
  await store.setAll("mark-settled", marks);

  const others = round.outcomes.filter((outcome) => !settled.has(keyOf(outcome)));
  await inBatches(others, (outcome) =>
    store.transact("mark-missed", async (transaction) => {
      const ref = refOf(outcome);
      const invocation = await transaction.get(ref);
      const marked = invocation === null ? null : markAfter(round, invocation, nowMs());
      if (marked !== null) transaction.set(ref, marked);
    }),
  );
}

async function foldRoster(run: Run, round: Round, { store }: AggregatorDeps): Promise<void> {
  const { runId } = round;
  const since = await rosterAsOf(store, runId, round.round - 1);
  const changed: ChangedClient[] = [];
  for await (const client of store.clientsChangedSince(since - LOOK_BACK_MS))
    changed.push(wantedClient(run.spec.selection, client, run.spec.requires));
  const concerned = new Set(round.outcomes.map((outcome) => outcome.clientId));
  let writing: Promise<void>[] = [];
  for await (const { seen, shard } of enrolled(runId, store.rosterShards(runId), changed)) {
    const isConcerned = Object.keys(shard.clients).some((clientId) => concerned.has(clientId));
    const folded = isConcerned ? foldRound(shard, round, run.spec.selection) : shard;
    if (folded === seen) continue;
    writing.push(writeShard(seen, folded, store));
    if (writing.length < PARALLEL_SHARDS) continue;
    await Promise.all(writing);
    writing = [];
  }
  await Promise.all(writing);
}

async function writeShard(seen: RosterShard | null, shard: RosterShard, store: Store): Promise<void> {
  const ref = refs.rosterShard(shard.runId, shard.shard);
  await store.transact("fold-roster", async (transaction) => {
    const current = await transaction.get(ref);
    // Another attempt has folded since: one that stalled must not undo it.
    if (current?.foldedRound === seen?.foldedRound) transaction.set(ref, shard);
  });
}

async function rosterAsOf(store: Store, runId: string, roundNumber: number): Promise<number> {
  if (roundNumber < 1) return 0;
  return (await store.get(refs.round(runId, roundNumber)))?.rosterAsOfAt ?? 0;
}

/**
 * Consumed and dropped updates are no longer needed; a late one still waiting is kept. Of the round that has
 * just come out of reach nothing is needed any more: not the uploads of attempts that died, nor of reports
 * that came too late.
 */
async function removeUpdates(run: Run, round: Round, { objects }: AggregatorDeps): Promise<void> {
  const settled = [...round.consumed, ...round.dropped].map((update) => updateObject(round.runId, update));
  await inBatches(settled, (name) => objects.remove(name, { step: "remove-update" }));
  const idle =
    aggregationOf(run.spec.aggregation).server === undefined ? 0 : lastIdleState(round.newVersion ?? 0);
  if (idle > 0) await objects.remove(stateObject(round.runId, idle), { step: "remove-update" });
  const outOfReach = round.round - run.spec.aggregation.staleness.maxRounds - 1;
  if (outOfReach < 1) return;
  await removeAll(objects, updatesOfRound(round.runId, outOfReach), "remove-update");
}

async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += PARALLEL) {
    await Promise.all(items.slice(start, start + PARALLEL).map(act));
  }
}
