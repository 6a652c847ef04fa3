// The coordinator and the evaluator: what a task or a call makes of a run's documents, in one step, and which
// tasks it asks for.

import { reportedCost } from "../../../../shared/core/cost/clientCall.ts";
import { sumUsd } from "../../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../../shared/core/cost/prices.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { selectCohort } from "../../../../shared/core/methods/selection/selectCohort.ts";
import type { Command } from "../../../../shared/core/protocol/commands.ts";
import { enrol, rosterEntries } from "../../../../shared/core/roster/enrol.ts";
import { busyWith, freedBy } from "../../../../shared/core/roster/reports.ts";
import {
  hasBufferedRounds,
  isBuffered,
  listedIn,
  placesTaken,
  roundsAwaited,
} from "../../../../shared/core/round/buffered.ts";
import { quorumCount, type RoundCounts } from "../../../../shared/core/round/close.ts";
import { pendingCommands } from "../../../../shared/core/round/control.ts";
import {
  closeTask,
  invokeTask,
  nextInvocation,
  pauseForClients,
  tasksOfRound,
  waits,
} from "../../../../shared/core/round/open.ts";
import {
  expectedOutcomes,
  mayPrewarm,
  prewarmCandidates,
  prewarmed,
  warmCommands,
} from "../../../../shared/core/round/prewarm.ts";
import { groupOf, isRelayOver, passTask } from "../../../../shared/core/round/relay.ts";
import type { StoredUpdate } from "../../../../shared/core/round/report.ts";
import { hasJustEnded, settle, unchargedUsd } from "../../../../shared/core/round/settle.ts";
import { nothingLearned } from "../../../../shared/core/round/shortfall.ts";
import { hasEnded } from "../../../../shared/core/round/sweep.ts";
import { dueTier, isTiered, mayBeDue, tiersAtWork } from "../../../../shared/core/round/tiers.ts";
import { expectedScores } from "../../../../shared/core/round/watch.ts";
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import type { ModelInfo } from "../../../../shared/core/schemas/model.ts";
import type { Receipt, ReportRequest } from "../../../../shared/core/schemas/protocol.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import { MAX_COHORT } from "../../../../shared/core/schemas/spec.ts";
import type { Context } from "./aggregator.ts";
import { CAPACITY, costUsd, estimateUsd, type State } from "./state.ts";

const PRICES = priceTables["cloud-run-2026"];

/** The run and its rounds as a call has read them, which may be a moment ago. */
export interface Read {
  readonly run: Run;
  readonly rounds: ReadonlyMap<number, Round>;
}

export function prepare(model: ModelInfo, { state, decide, nowMs }: Context): readonly Command[] {
  state.setRun(decide.prepared(state.run, model, costUsd(0, CAPACITY), nowMs()).run);
  return pendingCommands(state.run);
}

/**
 * @param dies once it has opened the round, or found it open, and before it asks for a task.
 * @throws FlError("unavailable") while the last round is not folded yet; its aggregator was asked for by
 *   then.
 */
export function openRound(
  request: number,
  context: Context,
  askMissing: (commands: readonly Command[]) => void,
  dies: boolean,
): readonly Command[] {
  const { state, decide, nowMs } = context;
  const closeIfFull = (round: Round): readonly Command[] =>
    isBuffered(round) && !dies ? closeIfComplete(round, context) : [];
  let { run } = state;
  const verdict = decide.mayOpen(run, request);
  if (verdict.kind === "ignore") {
    const commands: Command[] = [];
    if (run.openRequest.number === request && run.openRound !== null) {
      const open = state.round(run.openRound);
      commands.push(...tasksOfRound(open, state.invocationsOf(open, ["invoked"])));
      commands.push(...closeIfFull(open));
    }
    if (run.openRequest.number !== request || hasEnded(run)) commands.push(...pendingCommands(run));
    return commands;
  }
  if (verdict.kind === "stop") return endRun(run, verdict.reason, context, askMissing);
  const last = state.rounds.get(run.round);
  if (last !== undefined && last.status !== "cancelled" && !last.followedUp) {
    askMissing([{ kind: "aggregate", runId: run.runId, round: run.round }]);
    throw new FlError("unavailable", "not folded yet");
  }
  const known = rosterEntries(enrol(run.runId, state.shards, state.clients));
  for (const { clientId, busyUntilMs, lastSelectedRound } of known) {
    if (lastSelectedRound === null || !hasJustEnded(busyUntilMs, last?.openedAt ?? 0, nowMs())) continue;
    const invocation = state.invocation(lastSelectedRound, clientId);
    const settled = settle(state.run, state.round(lastSelectedRound), invocation, nowMs(), PRICES);
    if (settled === null) continue;
    state.setRun(settled.run);
    state.setRound(settled.round);
    state.setInvocation(settled.invocation);
  }
  ({ run } = state);
  const busy = busyWith(known, nowMs()).map(({ round, clientId }) => state.invocation(round, clientId));
  const reports = busy.map(freedBy);
  const outstandingUsd = sumUsd(busy.map((at) => unchargedUsd(at, nowMs(), PRICES)));
  const over = run.status === "running" ? decide.stopReason(run, outstandingUsd) : null;
  if (over !== null) return endRun(run, over, context, askMissing);
  const roster = decide.withReports(known, reports, nowMs());
  const carried = decide.carriedFrom(run.spec, last ?? null);
  const taken = placesTaken(carried, busyWith(roster, nowMs()));
  const candidates = {
    roster,
    state: last?.selectionState ?? null,
    limit: MAX_COHORT,
    tiersAtWork: tiersAtWork(carried),
    placesTaken: taken,
  };
  const selection = selectCohort(run, verdict.round, candidates, nowMs());
  const { minUpdates } = run.spec.round;
  const enough = decide.checkQuorumFeasible(
    selection.cohort.length + (carried?.length ?? 0),
    minUpdates,
    roster,
    nowMs(),
  );
  if (enough.kind === "pause") {
    state.setRun(pauseForClients(run, enough.reason, nowMs()));
    return [];
  }
  if (enough.kind === "wait") {
    const waiting = waits(run, enough.reason, enough.waiting, nowMs());
    state.setRun(waiting.run);
    return waiting.commands;
  }
  const registered = state.clients.filter(({ retired }) => !retired);
  const clients = new Map(registered.map((client) => [client.clientId, client]));
  const asOfAt = Math.max(...state.clients.map(({ updatedAt }) => updatedAt));
  const before = { roster, rosterAsOfAt: asOfAt, ...(carried === undefined ? {} : { carried }) };
  const chosen = { selection, clients, ...before, openUsd: costUsd(0, CAPACITY) };
  const plan = decide.planRound(run, verdict, chosen, nowMs());
  state.setRun(plan.run);
  state.setRound(plan.round);
  for (const invocation of plan.invocations) state.setInvocation(invocation);
  return [...tasksOfRound(plan.round, plan.invocations), ...closeIfFull(plan.round)];
}

function endRun(
  run: Run,
  reason: string,
  { state, decide, nowMs }: Context,
  askMissing: (commands: readonly Command[]) => void,
): readonly Command[] {
  const unscored = [...state.rounds.values()].filter(
    ({ status, accuracy }) => status === "closed" && accuracy === null,
  );
  const scores = expectedScores(run, unscored);
  askMissing(scores);
  const awaited = decide.scoresAwaited(run, scores.length, nowMs());
  if (awaited !== null) {
    const waiting = waits(run, `${reason}; the score is awaited`, awaited, nowMs());
    state.setRun(waiting.run);
    return waiting.commands;
  }
  const lastRound = run.modelVersion === 0 ? state.rounds.get(run.round) : undefined;
  const shortfall = nothingLearned(run, lastRound === undefined ? [] : state.invocationsOf(lastRound));
  state.setRun(decide.completed(run, reason, shortfall, nowMs()));
  return pendingCommands(state.run);
}

export function closeAtDeadline(number: number, pass: 1 | 2, context: Context): readonly Command[] {
  const round = context.state.round(number);
  if (round.status === "training") {
    if (pass === 1 && round.extended) return [closeTask(round)];
    const early = round.deadlineAt - context.nowMs();
    if (early > 0) throw new FlError("unavailable", "too early", { retry: { afterMs: early } });
  }
  const { openRound } = context.state.run;
  const open = openRound === null || openRound === number ? null : context.state.round(openRound);
  return [
    ...close(number, "deadline", context),
    ...(isTiered(round) && open !== null ? closeIfComplete(open, context) : []),
  ];
}

/** At the deadline of a turn: the next client of its group is called, or the round closes. */
export function passOnAtDeadline(
  number: number,
  group: number,
  hop: number,
  context: Context,
): readonly Command[] {
  const round = context.state.round(number);
  if (round.status !== "training") return [];
  const own = context.state.invocationsOf(round).filter(({ relay }) => relay?.group === group);
  const turn = context.decide.turnOf(round, group, own, () => true, context.nowMs());
  if (turn.kind === "waits" && turn.current.relay?.hop === hop) {
    const early = turn.current.relay.dueAt - context.nowMs();
    throw new FlError("unavailable", "too early", { retry: { afterMs: early } });
  }
  return passOn(round, group, context);
}

/** @param known the round as the call has read it. */
function passOn(known: Round, group: number, context: Context): readonly Command[] {
  const { state, decide, nowMs } = context;
  const round = state.round(known.round);
  if (round.status !== "training") return closeIfComplete(round, context);
  const own = state.invocationsOf(round).filter(({ relay }) => relay?.group === group);
  const turn = decide.turnOf(round, group, own, () => true, nowMs());
  if (turn.kind === "waits") return callsOf(turn.current);
  if (turn.skipped !== null) state.setInvocation(turn.skipped);
  if (turn.kind === "passes") {
    const client = state.clients.find(({ clientId }) => clientId === turn.place.clientId);
    if (client === undefined) throw new Error("no client is ever retired here");
    const next = nextInvocation(state.run, round, client, { ...turn, group }, nowMs());
    state.setInvocation(next);
    return callsOf(next);
  }
  if (!isRelayOver(round, state.invocationsOf(round), () => true, nowMs())) return [];
  return close(round.round, "report", context, true);
}

function callsOf(invocation: Invocation): readonly Command[] {
  return [...passTask(invocation), ...(invocation.status === "invoked" ? [invokeTask(invocation)] : [])];
}

/** @param round as the call has read it. */
function closeIfComplete(round: Round, context: Context): readonly Command[] {
  const { state } = context;
  const { runId, spec } = state.run;
  if (round.status === "aggregating") return [{ kind: "aggregate", runId, round: round.round }];
  if (round.status !== "training") return [];
  const { reported, failed, due } = answersOf(round, context);
  if (isTiered(round)) {
    requireByCounts(round, context);
    return due != null || failed >= listedIn(round).length ? close(round.round, "report", context) : [];
  }
  const quorum = quorumCount(round.wanted, spec.round);
  const isOver = isBuffered(round)
    ? reported >= quorum || reported + failed >= listedIn(round).length
    : reported + failed >= Math.min(round.cohort.length, quorum);
  if (!isOver) return [];
  return close(round.round, "report", context);
}

/**
 * The coordinator looks at a tier's invocations only where counts of whole rounds say that one may be due.
 * What such a count has beyond those that the round lists, such as a client that the round before has decided
 * and not marked, must never make it wait.
 */
function requireByCounts(round: Round, { state, nowMs }: Context): void {
  // As the product decides it, whatever a test has spoilt.
  const known = [...state.invocationsOf(round), ...state.carriedBy(round)];
  if (dueTier(round, known, nowMs()) === null) return;
  const counts = roundsAwaited(round).map((number) => {
    const atWork = state.invocationsOf(state.round(number), ["invoked", "training"]);
    return [number, atWork.length] as const;
  });
  if (mayBeDue(round, new Map(counts), nowMs())) return;
  throw new Error(`a tier that is due is found by counts: round ${round.round} waits on, by ${counts}`);
}

function answersOf(round: Round, { state, decide, nowMs }: Context): RoundCounts {
  const own = state.invocationsOf(round);
  const carried = state.carriedBy(round);
  const reported = [...own, ...carried].filter(({ status }) => status === "reported" || status === "late");
  if (!isBuffered(round)) {
    return { reported: reported.length, failed: own.filter(({ status }) => status === "failed").length };
  }
  const silent = [...own, ...carried].filter(({ status }) => status === "invoked" || status === "training");
  const failed = own.length + carried.length - reported.length - silent.length;
  const due = isTiered(round) ? { due: decide.dueTier(round, [...own, ...carried], nowMs()) } : {};
  return { reported: reported.length, failed, ...due };
}

function close(
  number: number,
  cause: "report" | "deadline",
  context: Context,
  relayIsOver = false,
): readonly Command[] {
  const { state, decide, nowMs } = context;
  const round = state.round(number);
  if (round.status === "aggregating") return [{ kind: "aggregate", runId: round.runId, round: number }];
  const verdict = decide.closeRound(
    round,
    state.run.spec,
    { ...answersOf(round, context), relayIsOver },
    cause,
    nowMs(),
  );
  if (verdict.kind === "wait") {
    return cause === "deadline" && round.status === "training" ? [closeTask(round)] : [];
  }
  state.setRound(verdict.round);
  return verdict.commands;
}

export function prewarm(number: number, { state, decide, nowMs }: Context): readonly Command[] {
  const { run } = state;
  const round = state.round(number);
  if (!mayPrewarm(run, round)) return [];
  const clients = new Map(state.clients.map((client) => [client.clientId, client]));
  if (round.prewarmed !== undefined) return warmCommands(round, clients);
  const outcomes = expectedOutcomes(round, state.invocationsOf(round));
  const shards = enrol(run.runId, state.shards, state.clients).map((shard) =>
    decide.foldRound(shard, { ...round, outcomes: [...outcomes] }, run.spec.selection),
  );
  const candidates = {
    roster: rosterEntries(shards),
    state: round.selectionState,
    limit: MAX_COHORT,
  };
  const cold = prewarmCandidates(run, round, candidates, nowMs());
  const decided = prewarmed(round, cold, clients, priceTables["cloud-run-2026"]);
  if (decided !== round) state.setRound(decided);
  return warmCommands(decided, clients);
}

/** The attempt that was granted, or null when there is nothing to do any more. */
export function claim(
  at: { readonly round: number; readonly clientId: string },
  read: Read,
  context: Context,
): { readonly attempt: number | null; readonly commands: readonly Command[] } {
  const { state, decide, nowMs } = context;
  const round = read.rounds.get(at.round) ?? state.round(at.round);
  const invocation = state.invocation(at.round, at.clientId);
  const spentUsd = sumUsd([estimateUsd(nowMs())(invocation), costUsd(0, CAPACITY)]);
  const verdict = decide.claim(round, invocation, true, spentUsd, nowMs());
  if (verdict.kind === "over") {
    const refused = decide.refusedClaim(round, invocation, nowMs());
    if (refused !== null) state.setInvocation(refused);
    return {
      attempt: null,
      commands: afterReport(round, at.clientId, freedBy(refused ?? invocation).freedAt, context),
    };
  }
  state.setInvocation(verdict.invocation);
  return { attempt: verdict.invocation.attempt, commands: [] };
}

/** The report's transaction, and then what follows from it: `close` is not called by who dies between. */
export function report(
  request: ReportRequest,
  read: Read,
  context: Context,
): { readonly receipt: Receipt; readonly close: () => readonly Command[] } {
  const { state, decide, nowMs } = context;
  const round = read.rounds.get(request.round) ?? state.round(request.round);
  const run = round.status === "training" ? state.run : read.run;
  const invocation = state.invocation(request.round, request.clientId);
  const callUsd = reportedCost(invocation, request.timings, nowMs(), priceTables["cloud-run-2026"]);
  const usd = sumUsd([invocation.spentUsd, callUsd, costUsd(0, CAPACITY)]);
  const decision = decide.report(run, round, invocation, request, storedOf(request, state), usd, nowMs());
  if (decision.invocation !== null) state.setInvocation(decision.invocation);
  const { reportedAt } = decision.invocation ?? invocation;
  return {
    receipt: decision.receipt,
    close: () => afterReport(round, request.clientId, reportedAt, context),
  };
}

/** Of the reported size, whatever that is. */
function storedOf({ round, clientId, attempt, result }: ReportRequest, state: State): StoredUpdate | null {
  if (result.kind === "failure" || !state.hasUpdate({ round, clientId, attempt })) return null;
  return { sizeBytes: result.update.sizeBytes, generation: "1" };
}

function afterReport(
  round: Round,
  clientId: string,
  reportedAt: number | null,
  context: Context,
): readonly Command[] {
  const { state, decide, nowMs } = context;
  const { openRound, spec } = state.run;
  const waiting = !hasBufferedRounds(spec) ? round : openRound === null ? null : state.round(openRound);
  const group = groupOf(round, clientId);
  const commands =
    group !== null && round.status === "training"
      ? passOn(round, group, context)
      : waiting === null
        ? []
        : closeIfComplete(waiting, context);
  const woken = reportedAt === null ? null : decide.wake(state.run, reportedAt, nowMs());
  if (woken !== null) state.setRun(woken.run);
  return [...commands, ...(woken?.commands ?? [])];
}

/** What the scripted evaluator makes of a version. */
function scoreOf(version: number): { readonly accuracy: number; readonly loss: number } {
  return { accuracy: version / 100, loss: 1 };
}

export function evaluate(number: number, version: number, { state, decide, nowMs }: Context): void {
  const evaluation = {
    ...scoreOf(version),
    evaluateMs: 0,
    costUsd: costUsd(0, CAPACITY),
    backend: "script",
  };
  const recorded = decide.recordEvaluation(state.run, state.round(number), version, evaluation, nowMs());
  state.setRun(recorded.run);
  state.setRound(recorded.round);
}

/** What the watchdog finds that should be under way. */
export function watch({ state, decide, nowMs }: Context): readonly Command[] {
  const { run } = state;
  if (run.swept) return [];
  const round = state.rounds.get(run.round) ?? null;
  const isRelay = round?.relay !== undefined;
  const unclaimed =
    round?.status !== "training" ? [] : isRelay ? state.invocationsOf(round) : unclaimedIn(round);
  const unscored = [...state.rounds.values()].filter(
    ({ status, loss }) => status === "closed" && loss === null,
  );
  return decide.expectedCommands(run, round, unclaimed, unscored, nowMs());

  function unclaimedIn(training: Round): readonly Invocation[] {
    const carried = (training.carried ?? []).filter(({ dueAt }) => dueAt > nowMs());
    return [
      ...state.invocationsOf(training, ["invoked"]),
      ...state.carriedBy({ ...training, carried }, ["invoked"]),
    ];
  }
}
