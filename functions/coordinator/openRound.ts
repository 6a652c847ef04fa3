// Opens a round: asks the scheduler which clients to invite, writes everything in one transaction, then
// queues the calls.

import { meterCall } from "../../shared/cloud/callCost.ts";
import { found, readRun } from "../../shared/cloud/store/found.ts";
import { sumUsd } from "../../shared/core/cost/cost.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import type { Candidates } from "../../shared/core/methods/selection/selectCohort.ts";
import type { Consideration } from "../../shared/core/methods/selection/strategy.ts";
import { wishWords } from "../../shared/core/methods/selection/wantedClients.ts";
import { refs, type Transaction, type UnreadableDocument } from "../../shared/core/ports/store.ts";
import type { Command } from "../../shared/core/protocol/commands.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import {
  busyWith,
  type Freed,
  freedBy,
  type WorkedOn,
  withCalls,
  withReports,
} from "../../shared/core/roster/reports.ts";
import { carriedFrom, hasBufferedRounds, placesTaken } from "../../shared/core/round/buffered.ts";
import { pendingCommands } from "../../shared/core/round/control.ts";
import {
  checkQuorumFeasible,
  completed,
  mayOpen,
  pauseForClients,
  planRound,
  scoresAwaited,
  tasksOfRound,
  waits,
} from "../../shared/core/round/open.ts";
import { lastFullBlock } from "../../shared/core/round/seriesBlocks.ts";
import { hasJustEnded, unchargedUsd } from "../../shared/core/round/settle.ts";
import { nothingLearned } from "../../shared/core/round/shortfall.ts";
import { stopReason } from "../../shared/core/round/stop.ts";
import { hasEnded } from "../../shared/core/round/sweep.ts";
import { learnsIn } from "../../shared/core/round/teachingGroup.ts";
import { tiersAtWork } from "../../shared/core/round/tiers.ts";
import { expectedScores } from "../../shared/core/round/watch.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { CarriedInvocation } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { MAX_COHORT } from "../../shared/core/schemas/spec.ts";
import type { RoundTeachers } from "../../shared/core/schemas/teachers.ts";
import { closeIfComplete } from "./closeRound.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { readableCohort } from "./readableCohort.ts";
import { readRoster } from "./roster.ts";
import { settleEnded } from "./settleInvocation.ts";
import { wakeRun } from "./wakeRun.ts";

/**
 * Opens the round that was asked for and returns what came of it, in words. Repeating it repeats only its
 * tasks. Where a document of the run's own is damaged the run is held back, with the reason, until people
 * have repaired it.
 */
export async function openRound(task: TaskBody<"open-round">, deps: CoordinatorDeps): Promise<string> {
  try {
    return await tryToOpen(task, deps);
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "data-loss") throw error;
    deps.log.error("no round can be opened", { runId: task.runId, error });
    const reason = `${error.message} Then resume the run.`;
    await changeRun(task, deps, (run) => ({ run: pauseForClients(run, reason, deps.nowMs()), commands: [] }));
    return reason;
  }
}

async function tryToOpen(task: TaskBody<"open-round">, deps: CoordinatorDeps): Promise<string> {
  const { store, dispatch } = deps;
  const costSoFar = meterCall(deps);
  const run = await readRun(store, task.runId);
  const verdict = mayOpen(run, task.request);
  if (verdict.kind === "ignore") {
    if (run.openRequest.number === task.request && run.openRound !== null)
      await repeatTasks(run, run.openRound, deps);
    if (run.openRequest.number !== task.request || hasEnded(run)) await dispatch(pendingCommands(run));
    return verdict.reason;
  }
  if (verdict.kind === "stop") return endRun(run, verdict.reason, task, deps);

  const nowMs = deps.nowMs();
  const before = await rosterBefore(run, nowMs, deps);
  if (before === null) {
    // Its task finishes what the aggregator left, and asks for this round again; so does this one, a little
    // later.
    await deps.dispatchMissing([{ kind: "aggregate", runId: run.runId, round: run.round }]);
    throw new FlError(
      "unavailable",
      `Round ${run.round} of run ${run.runId} is not folded into the roster yet.`,
    );
  }
  if (before.overBudget !== null) return endRun(run, before.overBudget, task, deps);
  const { selection, clients, damaged } = await readableCohort(
    run,
    verdict.round,
    before,
    before.damaged,
    deps,
    nowMs,
  );
  if (selection.stateProblem !== null) {
    const fields = { runId: run.runId, round: verdict.round, reason: selection.stateProblem };
    deps.log.warn("selection begins without its state", fields);
  }
  const { minUpdates } = run.spec.round;
  const awaited = selection.cohort.length + (before.carried?.length ?? 0);
  const enough = checkQuorumFeasible(awaited, minUpdates, before.roster, nowMs);
  if (enough.kind !== "enough") {
    const wish = wishWords(run.spec.selection, run.spec.requires);
    const only = wish === "" ? "" : `. The run takes clients${wish} only`;
    const reason = `${enough.reason}${only}${sittingOutToo(selection.sittingOut)}${damagedToo(damaged)}`;
    const commands = await changeRun(task, deps, (current) =>
      enough.kind === "wait"
        ? waits(current, reason, enough.waiting, nowMs)
        : { run: pauseForClients(current, reason, nowMs), commands: [] },
    );
    if (commands === null) return openRound(task, deps);
    await dispatch(commands);
    if (enough.kind === "wait") await lookOnceMore(run.runId, before.busy, deps);
    return reason;
  }

  const teachers = await teachersFor(run, verdict.round, before.teachers, deps);
  const commands = await store.transact("open-round", async (transaction) => {
    const current = await readRun(transaction, task.runId);
    const now = mayOpen(current, task.request);
    if (now.kind !== "open") return null;
    const { roster, asOfAt, carried } = before;
    const known = { roster, rosterAsOfAt: asOfAt, ...(carried === undefined ? {} : { carried }) };
    const chosen = { selection, clients, teachers, ...known, openUsd: costSoFar() };
    // Choosing among many clients takes seconds, which are not the cohort's: its time begins now.
    const plan = planRound(current, now, chosen, nowMs, deps.nowMs());
    transaction.set(refs.run(run.runId), plan.run);
    transaction.create(refs.round(run.runId, now.round), plan.round);
    for (const invocation of plan.invocations) {
      transaction.create(refs.invocation(run.runId, now.round, invocation.clientId), invocation);
    }
    return tasksOfRound(plan.round, plan.invocations);
  });
  if (commands === null) return openRound(task, deps);
  await dispatch(commands);
  await closeIfFull(run, verdict.round, deps);
  deps.log.info("round opened", { runId: run.runId, round: verdict.round, cohort: selection.cohort });
  const opened = { ...run, round: verdict.round };
  if (lastFullBlock(opened) === null) return `round ${verdict.round} is open`;
  const { writeFullBlock } = await import("./writeSeries.ts");
  await writeFullBlock(opened, deps);
  return `round ${verdict.round} is open`;
}

/** Most runs have none, and load nothing for it. */
async function teachersFor(
  run: Run,
  round: number,
  before: RoundTeachers | undefined,
  deps: CoordinatorDeps,
): Promise<RoundTeachers | undefined> {
  if (!learnsIn(run.spec, round)) return undefined;
  const { roundTeachers } = await import("./roundTeachers.ts");
  return roundTeachers(run, round, before, deps);
}

/** A buffered round may have all that it waits for as it opens: what has come while the one before was folded. */
async function closeIfFull(run: Run, roundNumber: number, deps: CoordinatorDeps): Promise<void> {
  if (!hasBufferedRounds(run.spec)) return;
  const round = await deps.store.get(refs.round(run.runId, roundNumber));
  if (round !== null) await closeIfComplete(run, round, deps);
}

/** Ends the run whose stop rule is met, once its scores are there. */
async function endRun(
  run: Run,
  reason: string,
  task: TaskBody<"open-round">,
  deps: CoordinatorDeps,
): Promise<string> {
  const { store, dispatch } = deps;
  const scores = expectedScores(run, await store.unscoredRounds(run.runId));
  await deps.dispatchMissing(scores);
  const last = await lastInvocations(run, deps);
  const ended = await changeRun(task, deps, (current) => {
    const nowMs = deps.nowMs();
    const waiting = scoresAwaited(current, scores.length, nowMs);
    if (waiting !== null) return waits(current, `${reason}; the score is awaited`, waiting, nowMs);
    const run = completed(current, reason, nothingLearned(current, last), nowMs);
    return { run, commands: pendingCommands(run) };
  });
  // Another delivery was faster and may have died before its tasks: this goes the way of a repeated one.
  if (ended === null) return openRound(task, deps);
  await dispatch(ended);
  return reason;
}

/** Of a run that made no version: what became of its last round. */
async function lastInvocations(run: Run, { store }: CoordinatorDeps): Promise<readonly Invocation[]> {
  if (run.round === 0 || run.modelVersion !== 0) return [];
  const { runId } = run;
  const round = await store.get(refs.round(runId, run.round));
  const cohort = round?.cohort ?? [];
  return (await store.list(cohort.map((clientId) => refs.invocation(runId, run.round, clientId)))).items;
}

/**
 * A delivery after the round was opened: some of its tasks may be missing, so all are asked for again by
 * name.
 */
async function repeatTasks(run: Run, openRoundNumber: number, deps: CoordinatorDeps): Promise<void> {
  const { store, dispatch } = deps;
  const round = found(await store.get(refs.round(run.runId, openRoundNumber)), `round ${openRoundNumber}`);
  if (round.status !== "training") return;
  const invited = await store.invocationsByStatus(run.runId, round.round, ["invoked"]);
  await dispatch(tasksOfRound(round, invited));
  await closeIfFull(run, openRoundNumber, deps);
}

/** Null when another delivery was faster, or this one itself, whose commit was done and its answer lost. */
async function changeRun(
  task: TaskBody<"open-round">,
  { store }: CoordinatorDeps,
  change: (run: Run) => { readonly run: Run; readonly commands: readonly Command[] },
): Promise<readonly Command[] | null> {
  return store.transact("change-request", async (transaction: Transaction) => {
    const current = await readRun(transaction, task.runId);
    if (mayOpen(current, task.request).kind === "ignore") return null;
    const changed = change(current);
    transaction.set(refs.run(task.runId), changed.run);
    return changed.commands;
  });
}

/** The first of them with its reason: often it is that of all. */
function sittingOutToo(sittingOut: readonly Consideration[]): string {
  const [first] = sittingOut;
  return first === undefined
    ? ""
    : `. ${sittingOut.length} more cannot train: ${first.clientId} is ${first.reason.replace(/\.?$/, "")}`;
}

/** The first of them in full, so that it says what to do. */
function damagedToo(damaged: readonly UnreadableDocument[]): string {
  const [first] = damaged;
  if (first === undefined) return "";
  return `. The documents of ${damaged.length} clients cannot be read: ${first.reason}`;
}

/**
 * A client that reported after it was looked up and before the run said that it waits has not woken the run.
 */
async function lookOnceMore(runId: string, busy: readonly WorkedOn[], deps: CoordinatorDeps): Promise<void> {
  const reports = await reportsOf(runId, busy, deps);
  const last = Math.max(...reports.map(({ freedAt }) => freedAt ?? 0), 0);
  if (last > 0) await wakeRun(runId, last, deps);
}

interface RosterBefore extends Candidates {
  /** See `carriedFrom`. */
  readonly carried: readonly CarriedInvocation[] | undefined;
  readonly asOfAt: number;
  /** What the last round's clients learned from; undefined where it was labels alone. */
  readonly teachers: RoundTeachers | undefined;
  /** Clients that came or changed since, and whose documents are damaged. */
  readonly damaged: readonly UnreadableDocument[];
  /** What clients are at work on that have not reported. */
  readonly busy: readonly WorkedOn[];
  /**
   * Why no further round can be paid for, where that is so: what they work on has its cost, charged or not.
   */
  readonly overBudget: string | null;
}

/**
 * The roster as the last round left it, with what has come since: clients and reports. Null while it is being
 * folded.
 */
async function rosterBefore(run: Run, nowMs: number, deps: CoordinatorDeps): Promise<RosterBefore | null> {
  const { store } = deps;
  const last = run.round === 0 ? null : await store.get(refs.round(run.runId, run.round));
  if (last !== null && last.status !== "cancelled" && !last.followedUp) return null;
  const lastAsOfAt = last?.rosterAsOfAt ?? 0;
  const { roster: known, damaged, asOfAt } = await readRoster(run, lastAsOfAt, store);
  const ended = known.flatMap(({ clientId, busyUntilMs, lastSelectedRound }) =>
    lastSelectedRound !== null && hasJustEnded(busyUntilMs, last?.openedAt ?? 0, nowMs)
      ? [{ clientId, round: lastSelectedRound }]
      : [],
  );
  const hasSettled = await settleEnded(run.runId, ended, deps);
  const settled = hasSettled ? await readRun(store, run.runId) : run;
  const reports = await reportsOf(run.runId, busyWith(known, nowMs), deps);
  const calls = known.length === 0 ? [] : await deps.calls.onTheirWay(run.runId);
  const reported = withReports(known, reports, nowMs);
  const roster = withCalls(reported, calls, nowMs);
  const carried = carriedFrom(run.spec, last);
  return {
    roster,
    ...(carried === undefined ? {} : { placesTaken: placesTaken(carried, busyWith(reported, nowMs)) }),
    tiersAtWork: tiersAtWork(carried),
    carried,
    overBudget:
      settled.status === "running"
        ? stopReason(settled, sumUsd(reports.map(({ owedUsd }) => owedUsd)))
        : null,
    busy: busyWith(roster, nowMs),
    // A client whose document is repaired is found by looking again from here on.
    asOfAt: damaged.length > 0 ? lastAsOfAt : asOfAt,
    damaged,
    teachers: last?.teachers,
    state: last?.selectionState ?? null,
    limit: MAX_COHORT,
  };
}

/** Invocations read at once; only what is needed of each is kept. */
const READ_AT_ONCE = 500;

/** An invocation that a client may be at work on, and what it has cost beyond what is charged. */
interface Report extends Freed {
  readonly owedUsd: number;
}

/** What has become of these invocations, those that are gone left out. */
async function reportsOf(
  runId: string,
  busy: readonly WorkedOn[],
  { store, nowMs }: CoordinatorDeps,
): Promise<readonly Report[]> {
  const reports: Report[] = [];
  for (let start = 0; start < busy.length; start += READ_AT_ONCE) {
    const some = busy.slice(start, start + READ_AT_ONCE);
    const { items } = await store.list(some.map((at) => refs.invocation(runId, at.round, at.clientId)));
    for (const invocation of items) {
      const owedUsd = unchargedUsd(invocation, nowMs(), priceTables["cloud-run-2026"]);
      reports.push({ ...freedBy(invocation), owedUsd });
    }
  }
  return reports;
}
