// Opens a round as the coordinator does, on the roster in memory.

import { type Candidates, selectCohort } from "../../../shared/core/methods/selection/selectCohort.ts";
import type { RosterEntry } from "../../../shared/core/methods/selection/strategy.ts";
import { wishWords } from "../../../shared/core/methods/selection/wantedClients.ts";
import type { Command } from "../../../shared/core/protocol/commands.ts";
import { busyWith, withReports } from "../../../shared/core/roster/reports.ts";
import { carriedFrom, isBuffered, placesTaken } from "../../../shared/core/round/buffered.ts";
import {
  checkQuorumFeasible,
  completed,
  mayOpen,
  pauseForClients,
  planRound,
  tasksOfRound,
  waits,
} from "../../../shared/core/round/open.ts";
import { nothingLearned } from "../../../shared/core/round/shortfall.ts";
import { stopReason } from "../../../shared/core/round/stop.ts";
import { tiersAtWork } from "../../../shared/core/round/tiers.ts";
import type { CarriedInvocation } from "../../../shared/core/schemas/round.ts";
import { closeIfComplete } from "./closing.ts";
import { coordinatorCallUsd } from "./ownCalls.ts";
import { capacityOf, clientDocument } from "./roster.ts";
import { settleAll, settleEnded } from "./settling.ts";
import type { HeldRound, World } from "./world.ts";

/** Opens the round that was asked for, or ends the run. Returns what is to be done next. */
export function openRound(world: World, request: number): readonly Command[] {
  const { nowMs } = world;
  const verdict = mayOpen(world.run, request);
  if (verdict.kind === "ignore") return [];
  if (verdict.kind === "stop") return endRun(world, verdict.reason);
  const over = stopReason(world.run, settleEnded(world));
  if (over !== null) return endRun(world, over);
  const { run } = world;
  const carried = carriedFrom(run.spec, world.held.get(run.round)?.round ?? null);
  const candidates = candidatesOf(world, world.roster.entries, carried);
  const { roster } = candidates;
  const selection = selectCohort(run, verdict.round, candidates, nowMs);
  const awaited = selection.cohort.length + (carried?.length ?? 0);
  const enough = checkQuorumFeasible(awaited, run.spec.round.minUpdates, roster, nowMs);
  const wish = wishWords(run.spec.selection);
  const only = wish === "" ? "" : `. The run takes clients${wish} only`;
  const reason = enough.kind === "enough" ? "" : `${enough.reason}${only}`;
  if (enough.kind === "wait") {
    const later = waits(run, reason, enough.waiting, nowMs);
    world.run = later.run;
    return later.commands;
  }
  if (enough.kind === "pause") {
    world.run = pauseForClients(run, reason, nowMs);
    return [];
  }
  const { population } = world.input;
  const clients = new Map(
    selection.cohort.map((clientId) => [
      clientId,
      clientDocument(clientId, capacityOf(population, clientId)),
    ]),
  );
  const before = { roster, rosterAsOfAt: 0, ...(carried === undefined ? {} : { carried }) };
  const chosen = {
    selection,
    clients,
    ...before,
    openUsd: coordinatorCallUsd(world, population.openBilledMs?.(verdict.round)),
  };
  const plan = planRound(run, verdict, chosen, nowMs);
  world.run = plan.run;
  world.selectionState = plan.round.selectionState;
  const held: HeldRound = {
    chosen: selection.considered.filter(({ chosen }) => chosen),
    round: plan.round,
    calledAt: new Map(),
    givenUp: new Set(),
    invocations: new Map(plan.invocations.map((invocation) => [invocation.clientId, invocation])),
    reported: 0,
    failed: 0,
  };
  world.held.set(verdict.round, held);
  const tasks = tasksOfRound(plan.round, plan.invocations);
  // A buffered round may have all that it waits for as it opens.
  return isBuffered(plan.round) ? [...tasks, ...closeIfComplete(world, held)] : tasks;
}

function endRun(world: World, reason: string): readonly Command[] {
  settleAll(world);
  const { run, nowMs } = world;
  const last = [...(world.held.get(run.round)?.invocations.values() ?? [])];
  world.run = completed(run, reason, nothingLearned(run, last), nowMs);
  return [];
}

/** The clients that a round may invite: of the published controller also those that are still at work. */
export function candidatesOf(
  world: World,
  entries: readonly RosterEntry[],
  carried?: readonly CarriedInvocation[],
): Candidates {
  const { input, selectionState, reports, nowMs } = world;
  const lastReports = () =>
    busyWith(entries, nowMs).flatMap(({ clientId, round }) => {
      const report = reports.get(clientId);
      return report?.round === round ? [report] : [];
    });
  const roster = input.ignoresBusy
    ? entries.map((entry) => ({ ...entry, busyUntilMs: null }))
    : withReports(entries, reports.size === 0 ? [] : lastReports(), nowMs);
  const taken = placesTaken(carried, busyWith(roster, nowMs));
  const tiers = tiersAtWork(carried);
  return { roster, state: selectionState, limit: roster.length, placesTaken: taken, tiersAtWork: tiers };
}
