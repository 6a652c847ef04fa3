// Folds a round: lease, fold, publish, follow up. Killed anywhere, the repeated task goes on where it matters.
import { invocationCost } from "../../shared/core/cost/cost.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import type { ObjectInfo } from "../../shared/core/ports/objectStore.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import {
  afterPublish,
  candidates,
  isDegraded,
  newlyLate,
  publish,
  takeLease,
} from "../../shared/core/round/publish.ts";
import { expiry } from "../../shared/core/round/report.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { AggregateTask } from "../../shared/core/schemas/tasks.ts";
import type { AggregatorDeps } from "./deps.ts";
import { foldUpdates } from "./foldUpdates.ts";
import { followUp } from "./followUp.ts";

/** Closes a round that stopped waiting, and returns what came of it, in words. */
export async function aggregateRound(task: AggregateTask, deps: AggregatorDeps): Promise<string> {
  const { dispatch, log } = deps;
  const owner = deps.newOwner();
  // Looked at before the lease: an attempt that stalls after it must not take a later one's version for an orphan.
  const opened = (await read(task, deps)).round;
  const before = await deps.objects.stat(modelObject(task.runId, opened.baseVersion + 1));
  const leased = await lease(task, owner, deps);
  if (leased.status === "aggregating") await foldAndPublish(leased, owner, before, deps);

  const { run, round } = await read(task, deps);
  if (round.status === "cancelled") return "the round is cancelled";
  if (!round.followedUp) await followUp(round, deps);
  await dispatch(afterPublish(run, round));
  const { runId, status, newVersion, counts, eur } = round;
  log.info("round closed", { runId, round: round.round, status, newVersion, counts, eur });
  return newVersion === null ? "the model was carried over" : `version ${newVersion} is published`;
}

async function lease(task: AggregateTask, owner: string, { store, nowMs }: AggregatorDeps): Promise<Round> {
  const ref = refs.round(task.runId, task.round);
  return store.transact(async (transaction) => {
    const round = await transaction.get(ref);
    if (round === null)
      throw new FlError("not-found", `There is no round ${task.round} of run ${task.runId}.`);
    if (round.status === "training") {
      throw new FlError("failed-precondition", `Round ${task.round} of run ${task.runId} is still training.`);
    }
    if (round.status !== "aggregating") return round;
    const leased = takeLease(round, owner, nowMs());
    transaction.set(ref, leased);
    return leased;
  });
}

async function foldAndPublish(
  leased: Round,
  owner: string,
  before: ObjectInfo | null,
  deps: AggregatorDeps,
): Promise<void> {
  const { store, nowMs, capacity } = deps;
  const startedMs = nowMs();
  const { run } = await read(leased, deps);
  const inbox = await readInbox(run, leased, deps);
  const fold = await foldUpdates(run, leased, inbox.usable, before, deps);
  const dropped = [...fold.dropped, ...inbox.expired];
  const degraded = isDegraded(run, fold.consumed);
  const aggregateMs = Math.max(0, nowMs() - startedMs);
  const result = {
    consumed: degraded ? [] : fold.consumed,
    dropped,
    newVersion: degraded ? null : await fold.write(),
    aggregateMs,
    aggregateCostUsd: invocationCost({ durationMs: aggregateMs, ...capacity }, priceTables["cloud-run-2026"]),
  };
  await store.transact(async (transaction) => {
    const [runRef, roundRef] = [refs.run(run.runId), refs.round(run.runId, leased.round)];
    const current = await transaction.get(runRef);
    const round = await transaction.get(roundRef);
    if (current === null || round === null) throw new FlError("not-found", `Run ${run.runId} is gone.`);
    if (round.status === "cancelled") return;
    const publication = publish(
      current,
      round,
      owner,
      result,
      inbox.cohort,
      inbox.late,
      estimateUsd(nowMs()),
      nowMs(),
    );
    transaction.set(runRef, publication.run);
    transaction.set(roundRef, publication.round);
  });
}

interface Inbox {
  /** All invocations of this round. */
  readonly cohort: readonly Invocation[];
  /** Invocations of earlier rounds whose report has come since. */
  readonly late: readonly Invocation[];
  /** Updates to fold, in order. */
  readonly usable: readonly Invocation[];
  readonly expired: readonly {
    round: number;
    clientId: string;
    attempt: number;
    fate: "expired";
    reason: string;
  }[];
}

/** This round's invocations, and late ones from as far back as an update may come, and one round more to expire. */
async function readInbox(run: Run, round: Round, { store }: AggregatorDeps): Promise<Inbox> {
  const { maxRounds } = run.spec.aggregation.staleness;
  const first = Math.max(1, round.round - maxRounds - 1);
  const earlier = Array.from({ length: round.round - first }, (_, index) => first + index);
  const [cohort, earlierRounds, ...lateByRound] = await Promise.all([
    store.getAll(round.cohort.map((clientId) => refs.invocation(run.runId, round.round, clientId))),
    store.getAll(earlier.map((number) => refs.round(run.runId, number))),
    ...earlier.map((number) => store.invocationsByStatus(run.runId, number, ["reported", "late"])),
  ]);
  const present = cohort.filter((invocation) => invocation !== null);
  const settledRounds = earlierRounds.filter((other) => other !== null);
  const waiting = candidates([...present, ...lateByRound.flat()], settledRounds);
  const isExpired = (invocation: Invocation) => round.round - invocation.round > maxRounds;
  return {
    cohort: present,
    late: newlyLate(waiting, round, settledRounds),
    usable: waiting.filter((invocation) => !isExpired(invocation)),
    expired: waiting.filter(isExpired).map((invocation) => ({
      round: invocation.round,
      clientId: invocation.clientId,
      attempt: invocation.update?.attempt ?? 0,
      fate: "expired",
      reason: expiry(run, round.round - invocation.round) ?? "it is too old",
    })),
  };
}

/** A call that has not answered is charged from its claim to now, which is the most it can have cost so far. */
function estimateUsd(nowMs: number): (invocation: Invocation) => number {
  return ({ claimedAt, capacity }) =>
    claimedAt === null
      ? 0
      : invocationCost(
          { durationMs: Math.max(0, nowMs - claimedAt), ...capacity },
          priceTables["cloud-run-2026"],
        );
}

async function read(
  at: { runId: string; round: number },
  { store }: AggregatorDeps,
): Promise<{ run: Run; round: Round }> {
  const [run, round] = await Promise.all([
    store.get(refs.run(at.runId)),
    store.get(refs.round(at.runId, at.round)),
  ]);
  if (run === null || round === null)
    throw new FlError("not-found", `There is no round ${at.round} of run ${at.runId}.`);
  return { run, round };
}
