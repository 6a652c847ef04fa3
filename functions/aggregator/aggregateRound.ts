// Folds a round: fix its inputs, fold, publish, follow up. Killed anywhere, the repeated task goes on where
// it matters; two at once make the same bytes, and one of them publishes.

import { meterCall } from "../../shared/cloud/callCost.ts";
import { found, readRound } from "../../shared/cloud/store/found.ts";
import { unansweredCost } from "../../shared/core/cost/clientCall.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError, needsPerson } from "../../shared/core/errors.ts";
import { refs, type Store } from "../../shared/core/ports/store.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { invocationKey } from "../../shared/core/round/buffered.ts";
import { type Fold, foldUpdates, type MadeVersion } from "../../shared/core/round/fold.ts";
import {
  failedForGood,
  foldBegun,
  foldFailed,
  foldsExhausted,
  gaveUpFolding,
} from "../../shared/core/round/giveUp.ts";
import {
  fixInputs,
  inputsOf,
  LATE_STATUSES,
  newlyLate,
  roundsInReach,
  updateKey,
  updateOf,
} from "../../shared/core/round/inbox.ts";
import { modelObject, stateObject } from "../../shared/core/round/objects.ts";
import {
  afterPublish,
  type FoldResult,
  type Publication,
  publish,
  whyDegraded,
  withoutVersion,
} from "../../shared/core/round/publish.ts";
import { versionMadeBy } from "../../shared/core/round/setBack.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { tidyUp } from "./collectMemory.ts";
import type { AggregatorDeps } from "./deps.ts";
import { foldSource } from "./foldSource.ts";
import { followUp } from "./followUp.ts";
import { writeVersion } from "./writeVersion.ts";

/**
 * The share of its memory that an aggregator takes for values of several updates at once, where its method
 * needs them.
 */
const ROWS_SHARE = 0.25;

/** Closes a round that stopped waiting, and returns what came of it, in words. */
export async function aggregateRound(task: TaskBody<"aggregate">, deps: AggregatorDeps): Promise<string> {
  const { dispatch, log } = deps;
  const costSoFar = meterCall(deps);
  const before = await readRound(deps.store, task.runId, task.round);
  if (before.round.status === "training") {
    throw new FlError("failed-precondition", `Round ${task.round} of run ${task.runId} is still training.`);
  }
  let known: readonly Invocation[] = [];
  let chargedUsd = 0;
  if (before.round.status === "aggregating") {
    const inbox = await readInbox(before.run, before.round, deps);
    known = [...inbox.cohort, ...inbox.late];
    // Many documents pass through before the fold and after it; what they leave behind must not stand beside
    // its memory.
    const { sizeBytes = 0 } = before.run.model ?? {};
    tidyUp(sizeBytes);
    chargedUsd = await foldWithinReason(before.run, before.round, inbox, costSoFar, deps);
    tidyUp(sizeBytes);
  }

  const { run, round } = await readRound(deps.store, task.runId, task.round);
  if (round.status === "cancelled") {
    // A version written before the cancellation was seen will never be published.
    for (const object of [modelObject, stateObject]) {
      await deps.objects.remove(object(run.runId, versionMadeBy(round)), { step: "remove-update" });
    }
    return "the round is cancelled";
  }
  if (round.status === "aggregating") return "the run has failed";
  if (!round.followedUp) await followUp(run, round, known, () => costSoFar() - chargedUsd, deps);
  await dispatch(afterPublish(run, round));
  const { runId, status, newVersion, counts, eur } = round;
  log.info("round closed", { runId, round: round.round, status, newVersion, counts, eur });
  return newVersion === null ? "the model was carried over" : `version ${newVersion} is published`;
}

interface Inbox {
  /** The invocations of this round, less those whose documents are damaged. */
  readonly cohort: readonly Invocation[];
  /** Invocations of earlier rounds that have reported, settled or not; of a buffered round all it carries. */
  readonly late: readonly Invocation[];
  /** The rounds that those are of. */
  readonly earlierRounds: readonly Round[];
}

async function readInbox(run: Run, round: Round, { store }: AggregatorDeps): Promise<Inbox> {
  if (round.carried !== undefined) {
    const [cohort, late] = await Promise.all([
      store.list(round.cohort.map((clientId) => refs.invocation(run.runId, round.round, clientId))),
      store.list(round.carried.map((at) => refs.invocation(run.runId, at.round, at.clientId))),
    ]);
    // What an earlier round has settled is not carried.
    return { cohort: cohort.items, late: late.items, earlierRounds: [] };
  }
  const earlier = roundsInReach(run, round.round);
  const [cohort, earlierRounds, ...lateByRound] = await Promise.all([
    store.list(round.cohort.map((clientId) => refs.invocation(run.runId, round.round, clientId))),
    store.getAll(earlier.map((number) => refs.round(run.runId, number))),
    ...earlier.map((number) => store.invocationsByStatus(run.runId, number, LATE_STATUSES)),
  ]);
  return {
    cohort: cohort.items,
    late: lateByRound.flat(),
    earlierRounds: earlierRounds.filter((other) => other !== null),
  };
}

/** The round with its inputs fixed, by this attempt or by one before it, and with this attempt counted. */
async function begin(round: Round, inbox: Inbox, deps: AggregatorDeps): Promise<Round> {
  const inputs = round.inputs ?? inputsOf(round, [...inbox.cohort, ...inbox.late], inbox.earlierRounds);
  return changeRound(round, deps, (current) => foldBegun(fixInputs(current, inputs)));
}

function changeRound(
  round: Round,
  { store }: AggregatorDeps,
  change: (round: Round) => Round,
): Promise<Round> {
  return store.transact("fix-inputs", async (transaction) => {
    const ref = refs.round(round.runId, round.round);
    const current = found(await transaction.get(ref), `round ${round.round} of run ${round.runId}`);
    const changed = change(current);
    if (changed !== current) transaction.set(ref, changed);
    return changed;
  });
}

/**
 * A fold that can never be done ends the round all the same, and the run waits for an operator with the
 * reason. Returns what the run was charged for this call, in USD: nothing where another aggregator was
 * faster.
 */
async function foldWithinReason(
  run: Run,
  round: Round,
  inbox: Inbox,
  costSoFar: () => number,
  deps: AggregatorDeps,
): Promise<number> {
  try {
    const begun = await begin(round, inbox, deps);
    const exhausted = foldsExhausted(begun, deps.capacity.memoryMib);
    return exhausted === null
      ? await foldAndPublish(run, begun, inbox, costSoFar, deps)
      : await giveUp(run, begun, inbox, exhausted, costSoFar, deps);
  } catch (error) {
    // An unexpected error may come from a lack of memory: it stays counted.
    if (!(error instanceof FlError)) throw error;
    // What a person has to see to keeps its task: a model version that is gone may be restored.
    if (error.retry !== "never" || needsPerson(error)) {
      // If this fails, it stays counted; the first error is reported.
      await changeRound(round, deps, foldFailed).catch(() => undefined);
      throw error;
    }
    const reason = `Round ${round.round} cannot be folded: ${error.message}`;
    return giveUp(run, round, inbox, reason, costSoFar, deps);
  }
}

async function giveUp(
  run: Run,
  round: Round,
  inbox: Inbox,
  reason: string,
  costSoFar: () => number,
  deps: AggregatorDeps,
): Promise<number> {
  if (round.status !== "aggregating") return 0;
  deps.log.error("round cannot be folded", { runId: run.runId, round: round.round, reason });
  const nothing = { consumed: [], dropped: [], newVersion: null, aggregateMs: 0 };
  try {
    return await publishResult(run, round, inbox, nothing, costSoFar, deps, (published) =>
      gaveUpFolding(published, reason, deps.nowMs()),
    );
  } catch (error) {
    if (!(error instanceof FlError) || error.retry !== "never" || needsPerson(error)) throw error;
    await deps.store.transact("publish", async (transaction) => {
      const ref = refs.run(run.runId);
      transaction.set(
        ref,
        failedForGood(
          found(await transaction.get(ref), `round ${round.round} of run ${round.runId}`),
          reason,
          deps.nowMs(),
        ),
      );
    });
    return 0;
  }
}

async function foldAndPublish(
  run: Run,
  round: Round,
  inbox: Inbox,
  costSoFar: () => number,
  deps: AggregatorDeps,
): Promise<number> {
  if (round.status !== "aggregating") return 0;
  const { nowMs } = deps;
  const startedMs = nowMs();
  if (run.model === null) throw new FlError("failed-precondition", `Run ${run.runId} has no model.`);
  const model = run.model.parameters;
  const budgetBytes = deps.capacity.memoryMib * ROWS_SHARE * 2 ** 20;
  const source = foldSource(run, round, model, deps);
  const fold = await foldUpdates(run, round, model, invocationsOf(round, inbox), source, budgetBytes);
  const degraded = whyDegraded(run, fold.consumed);
  if (degraded !== null) deps.log.warn("round makes no version", { ...at(round), reason: degraded });
  const made = degraded === null ? await fold.finish() : null;
  if (made?.kind === "broken")
    deps.log.error("version cannot be used", { ...at(round), reason: made.reason });
  if (made !== null && made.kind !== "broken") await writeVersion(run, round, made, deps);
  const result = { ...outcomeOf(round, fold, made, degraded), aggregateMs: Math.max(0, nowMs() - startedMs) };
  return publishResult(run, round, inbox, result, costSoFar, deps, (published) => published);
}

async function publishResult(
  run: Run,
  round: Round,
  inbox: Inbox,
  result: Omit<FoldResult, "aggregateCostUsd">,
  costSoFar: () => number,
  { store, nowMs }: AggregatorDeps,
  adjust: (published: Publication) => Publication,
): Promise<number> {
  const [cohort, earlier] = await Promise.all([
    withReports(inbox.cohort, store),
    withReports(inbox.late, store),
  ]);
  return store.transact("publish", async (transaction) => {
    const [runRef, roundRef] = [refs.run(run.runId), refs.round(run.runId, round.round)];
    const currentRun = found(await transaction.get(runRef), `run ${round.runId}`);
    const currentRound = found(await transaction.get(roundRef), `round ${round.round} of run ${round.runId}`);
    const late = newlyLate(earlier, currentRound, inbox.earlierRounds);
    const aggregateCostUsd = costSoFar();
    const published = publish(
      currentRun,
      currentRound,
      { ...result, aggregateCostUsd },
      cohort,
      late,
      (invocation) => unansweredCost(invocation, nowMs(), priceTables["cloud-run-2026"]),
      nowMs(),
    );
    if (published === null) return 0;
    const settled = adjust(published);
    transaction.set(runRef, settled.run);
    transaction.set(roundRef, settled.round);
    return aggregateCostUsd;
  });
}

/** A fold takes a while: who has reported meanwhile is late, and at work no more. */
async function withReports(known: readonly Invocation[], store: Store): Promise<readonly Invocation[]> {
  const silent = known.filter(({ reportedAt }) => reportedAt === null);
  if (silent.length === 0) return known;
  const now = await store.list(
    silent.map(({ runId, round, clientId }) => refs.invocation(runId, round, clientId)),
  );
  const byKey = new Map(now.items.map((invocation) => [invocationKey(invocation), invocation]));
  return known.map((invocation) => byKey.get(invocationKey(invocation)) ?? invocation);
}

function outcomeOf(
  round: Round,
  { consumed, dropped, labelCounts, updateNorms }: Fold,
  made: MadeVersion | null,
  degraded: string | null,
): Pick<
  FoldResult,
  "consumed" | "dropped" | "newVersion" | "degraded" | "doubt" | "labelCounts" | "updateNorms"
> {
  if (made === null) return { consumed: [], dropped, newVersion: null, degraded: degraded ?? undefined };
  if (made.kind === "broken") return withoutVersion(consumed, dropped, made.reason);
  const doubt = made.kind === "doubtful" ? { doubt: made.reason } : {};
  return { consumed, dropped, newVersion: versionMadeBy(round), labelCounts, updateNorms, ...doubt };
}

function at({ runId, round }: Round): { runId: string; round: number } {
  return { runId, round };
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
    throw new FlError(
      "aborted",
      `Update ${updateKey(update)} of run ${round.runId} was settled in the meantime.`,
    );
  });
}
