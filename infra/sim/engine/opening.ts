// Opens a round as the coordinator does, on the roster in memory.
import { randomFrom } from "../../../shared/core/random.ts";
import type { Command } from "../../../shared/core/round/commands.ts";
import {
  askAgain,
  completed,
  enoughClients,
  heldBack,
  mayOpen,
  planRound,
  tasksOfRound,
} from "../../../shared/core/round/open.ts";
import { invitedCount } from "../../../shared/core/selection/cohortOptions.ts";
import { strategies } from "../../../shared/core/selection/index.ts";
import { lateAfterMs } from "../../../shared/core/selection/late.ts";
import type { RosterEntry, Selection } from "../../../shared/core/selection/strategy.ts";
import { clientDocument } from "./roster.ts";
import type { World } from "./world.ts";

/** Opens the round that was asked for, or ends the run. Returns what is to be done next. */
export function openRound(world: World, request: number): readonly Command[] {
  const { run, nowMs } = world;
  const verdict = mayOpen(run, request);
  if (verdict.kind === "ignore") return [];
  if (verdict.kind === "stop") {
    world.run = completed(run, verdict.reason, nowMs);
    return [];
  }
  const roster = entriesFor(world);
  const selection = selectCohort(world, verdict.round, roster);
  const enough = enoughClients(selection.cohort.length, run.spec.round.minUpdates, roster, nowMs);
  if (enough.kind === "wait") {
    const later = askAgain(run, enough.untilMs, nowMs);
    world.run = later.run;
    return later.commands;
  }
  if (enough.kind === "pause") {
    world.run = heldBack(run, enough.reason, nowMs);
    return [];
  }
  const { capacity } = world.input.population;
  const clients = new Map(selection.cohort.map((clientId) => [clientId, clientDocument(clientId, capacity)]));
  const plan = planRound(run, verdict, selection, clients, 0, nowMs);
  world.run = plan.run;
  world.held.set(verdict.round, {
    chosen: selection.considered.filter(({ chosen }) => chosen),
    round: plan.round,
    invocations: new Map(plan.invocations.map((invocation) => [invocation.clientId, invocation])),
    reported: 0,
    failed: 0,
  });
  return tasksOfRound(plan.round, plan.invocations);
}

function entriesFor({ roster, input }: World): readonly RosterEntry[] {
  return input.ignoresBusy
    ? roster.entries.map((entry) => ({ ...entry, busyUntilMs: null }))
    : roster.entries;
}

function selectCohort(world: World, round: number, clients: readonly RosterEntry[]): Selection {
  const { spec } = world.run;
  const options = spec.selection;
  const selection = strategies[options.strategy](
    {
      round,
      cohortSize: invitedCount(options, clients.length),
      clients,
      nowMs: world.nowMs,
      totalRounds: spec.stop.rounds,
      clusteringSince: world.clusteringSince,
      lateAfterMs: lateAfterMs(spec.round),
      options,
    },
    randomFrom(spec.seed, round, "selection"),
  );
  world.clusteringSince = selection.clusteringSince ?? null;
  return selection;
}
