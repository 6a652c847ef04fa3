// Folds a round: fix its inputs, fold, publish, follow up. Killed anywhere, the repeated task goes on where it matters;
// two at once make the same bytes, and one of them publishes.
import { invocationCost, unansweredCost } from "../../shared/core/cost/cost.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import {
  fixInputs,
  inputsOf,
  LATE_STATUSES,
  newlyLate,
  roundsInReach,
  updateKey,
  updateOf,
} from "../../shared/core/round/inbox.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { afterPublish, isDegraded, publish } from "../../shared/core/round/publish.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { AggregateTask } from "../../shared/core/schemas/tasks.ts";
import { tidyUp } from "./collectMemory.ts";
import type { AggregatorDeps } from "./deps.ts";
import { foldUpdates } from "./foldUpdates.ts";
import { followUp } from "./followUp.ts";
import { writeVersion } from "./writeVersion.ts";

/** Closes a round that stopped waiting, and returns what came of it, in words. */
export async function aggregateRound(task: AggregateTask, deps: AggregatorDeps): Promise<string> {
  const { dispatch, log } = deps;
  const before = await read(task, deps);
  if (before.round.status === "training") {
    throw new FlError("failed-precondition", `Round ${task.round} of run ${task.runId} is still training.`);
  }
  let known: readonly Invocation[] = [];
  if (before.round.status === "aggregating") {
    const inbox = await readInbox(before.run, before.round, deps);
    known = [...inbox.cohort, ...inbox.late];
    const fixed = await fix(before.round, inbox, deps);
    // Many documents pass through before the fold and after it; what they leave behind must not stand beside its memory.
    const { sizeBytes = 0 } = before.run.model ?? {};
    tidyUp(sizeBytes);
    await foldAndPublish(before.run, fixed, inbox, deps);
    tidyUp(sizeBytes);
  }

  const { run, round } = await read(task, deps);
  if (round.status === "cancelled") {
    // What an aggregator wrote that the cancellation overtook: nobody will ever publish it.
    await deps.objects.remove(modelObject(run.runId, round.baseVersion + 1), { step: "remove-update" });
    return "the round is cancelled";
  }
  if (!round.followedUp) await followUp(run, round, known, deps);
  await dispatch(afterPublish(run, round));
  const { runId, status, newVersion, counts, eur } = round;
  log.info("round closed", { runId, round: round.round, status, newVersion, counts, eur });
  return newVersion === null ? "the model was carried over" : `version ${newVersion} is published`;
}

interface Inbox {
  /** All invocations of this round. */
  readonly cohort: readonly Invocation[];
  /** Invocations of earlier rounds that have reported, settled or not. */
  readonly late: readonly Invocation[];
  /** The rounds that those are of. */
  readonly earlierRounds: readonly Round[];
}

async function readInbox(run: Run, round: Round, { store }: AggregatorDeps): Promise<Inbox> {
  const earlier = roundsInReach(run, round.round);
  const [cohort, earlierRounds, ...lateByRound] = await Promise.all([
    store.getAll(round.cohort.map((clientId) => refs.invocation(run.runId, round.round, clientId))),
    store.getAll(earlier.map((number) => refs.round(run.runId, number))),
    ...earlier.map((number) => store.invocationsByStatus(run.runId, number, LATE_STATUSES)),
  ]);
  return {
    cohort: cohort.filter((invocation) => invocation !== null),
    late: lateByRound.flat(),
    earlierRounds: earlierRounds.filter((other) => other !== null),
  };
}

/** The round with its inputs fixed, by this attempt or by one before it. */
async function fix(round: Round, inbox: Inbox, { store }: AggregatorDeps): Promise<Round> {
  if (round.inputs !== null) return round;
  const inputs = inputsOf(round, [...inbox.cohort, ...inbox.late], inbox.earlierRounds);
  return store.transact("fix-inputs", async (transaction) => {
    const ref = refs.round(round.runId, round.round);
    const current = found(await transaction.get(ref), round);
    const fixed = fixInputs(current, inputs);
    if (fixed !== current) transaction.set(ref, fixed);
    return fixed;
  });
}

async function foldAndPublish(run: Run, round: Round, inbox: Inbox, deps: AggregatorDeps): Promise<void> {
  if (round.status !== "aggregating") return;
  const { store, nowMs, capacity } = deps;
  const startedMs = nowMs();
  const fold = await foldUpdates(run, round, invocationsOf(round, inbox), deps);
  const degraded = isDegraded(run, fold.consumed);
  if (!degraded) await writeVersion(run, round, await fold.finish(), deps);
  const aggregateMs = Math.max(0, nowMs() - startedMs);
  const result = {
    consumed: degraded ? [] : fold.consumed,
    dropped: fold.dropped,
    newVersion: degraded ? null : round.baseVersion + 1,
    aggregateMs,
    aggregateCostUsd: invocationCost({ durationMs: aggregateMs, ...capacity }, priceTables["cloud-run-2026"]),
  };
  await store.transact("publish", async (transaction) => {
    const [runRef, roundRef] = [refs.run(run.runId), refs.round(run.runId, round.round)];
    const currentRun = found(await transaction.get(runRef), round);
    const currentRound = found(await transaction.get(roundRef), round);
    const late = newlyLate(inbox.late, currentRound, inbox.earlierRounds);
    const published = publish(
      currentRun,
      currentRound,
      result,
      inbox.cohort,
      late,
      (invocation) => unansweredCost(invocation, nowMs(), priceTables["cloud-run-2026"]),
      nowMs(),
    );
    if (published === null) return;
    transaction.set(runRef, published.run);
    transaction.set(roundRef, published.round);
  });
}

/** The invocations whose updates are the round's inputs, in their order. */
function invocationsOf(round: Round, { cohort, late }: Inbox): readonly Invocation[] {
  const byKey = new Map(
    [...cohort, ...late].flatMap((invocation) => {
      const update = updateOf(invocation);
      return update === null ? [] : [[updateKey(update), invocation] as const];
    }),
  );
  return (round.inputs ?? []).map((update) => {
    const invocation = byKey.get(updateKey(update));
    if (invocation !== undefined) return invocation;
    throw new FlError("aborted", `Update ${updateKey(update)} of run ${round.runId} is settled meanwhile.`);
  });
}

async function read(
  at: { readonly runId: string; readonly round: number },
  { store }: AggregatorDeps,
): Promise<{ run: Run; round: Round }> {
  const [run, round] = await Promise.all([
    store.get(refs.run(at.runId)),
    store.get(refs.round(at.runId, at.round)),
  ]);
  return { run: found(run, at), round: found(round, at) };
}

function found<T>(value: T | null, at: { readonly runId: string; readonly round: number }): T {
  if (value !== null) return value;
  throw new FlError("not-found", `There is no round ${at.round} of run ${at.runId}.`);
}
