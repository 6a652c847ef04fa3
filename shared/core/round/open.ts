// Opening a round: whether it may open, and what it consists of once the scheduler has chosen.
import * as z from "zod";
import { priceTables } from "../cost/prices.ts";
import { tiersOf } from "../methods/aggregation/tiersOf.ts";
import type { TierCohort } from "../methods/selection/byTier.ts";
import { wantedCount } from "../methods/selection/cohortOptions.ts";
import { byClientId } from "../methods/selection/roster.ts";
import type { ChosenSelection } from "../methods/selection/selectCohort.ts";
import type { RosterEntry } from "../methods/selection/strategy.ts";
import type { Command } from "../protocol/commands.ts";
import { participation } from "../roster/participation.ts";
import type { Client } from "../schemas/client.ts";
import { Instant, MAX_ROUND } from "../schemas/ids.ts";
import type { Invocation, RelayStart } from "../schemas/invocation.ts";
import { type CarriedInvocation, NO_COSTS, type RelayPlace, type Round } from "../schemas/round.ts";
import { MAX_AWAITED, type Run, type Waiting } from "../schemas/run.ts";
import type { RoundTeachers } from "../schemas/teachers.ts";
import type { RunDecision } from "./control.ts";
import { deadlineSeconds } from "./deadline.ts";
import { type ArrangedEntry, arranged, passTask, relaySeconds, type Turn, turnReason } from "./relay.ts";
import { versionToMake } from "./setBack.ts";
import { type SizedEntry, workSizes } from "./sizing.ts";
import { stopReason } from "./stop.ts";
import { SCORE_PATIENCE_MS } from "./sweep.ts";

const MS_PER_DAY = 86_400_000;

export type OpenVerdict =
  | { readonly kind: "open"; readonly round: number; readonly baseVersion: number }
  | { readonly kind: "stop"; readonly reason: string }
  | { readonly kind: "ignore"; readonly reason: string };

/** Whether the request to open a round still holds: a repeated, outdated or overtaken one is ignored. */
export function mayOpen(run: Run, request: number): OpenVerdict {
  if (run.openRequest.number !== request || !run.openRequest.pending) {
    return { kind: "ignore", reason: `request ${request} is done or was overtaken` };
  }
  if (run.modelVersion === null || run.openRound !== null) {
    return { kind: "ignore", reason: `run is ${run.status} and not between rounds` };
  }
  if (run.status === "running") {
    const reason = stopReason(run);
    if (reason !== null) return { kind: "stop", reason };
  } else if (run.status !== "ready" && run.status !== "paused") {
    return { kind: "ignore", reason: `run is ${run.status}` };
  }
  if (run.round >= MAX_ROUND)
    return { kind: "stop", reason: `all ${MAX_ROUND} rounds that a run may have are done` };
  return { kind: "open", round: run.round + 1, baseVersion: run.modelVersion };
}

/** The shortest and longest pause between two looks at scores that are awaited. */
const [LEAST_PAUSE_MS, LONGEST_PAUSE_MS] = [200, 30_000];

/**
 * What a run waits for whose stop rule is met while versions of it have no score: a run that has ended shows
 * the score of its last version. Null when none is awaited, or was for too long.
 *
 * @param awaited how many versions.
 */
export function scoresAwaited(run: Run, awaited: number, nowMs: number): Waiting | null {
  const sinceAt = run.waiting?.what === "score" ? run.waiting.sinceAt : nowMs;
  const waitedMs = nowMs - sinceAt;
  if (awaited === 0 || waitedMs >= SCORE_PATIENCE_MS) return null;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, Math.floor(waitedMs / 2)));
  return { what: "score", clientIds: [], count: awaited, sinceAt, untilAt: nowMs + pauseMs };
}

/**
 * The run once its stop rule is met.
 *
 * @param shortfall why it is a failure all the same; null where it made a version of its model.
 */
export function completed(run: Run, reason: string, shortfall: string | null, nowMs: number): Run {
  return {
    ...run,
    status: shortfall === null ? "completed" : "failed",
    statusReason: shortfall === null ? reason : `${reason}; ${shortfall}`,
    waiting: null,
    openRequest: { ...run.openRequest, pending: false },
    endedAt: nowMs,
    updatedAt: nowMs,
  };
}

export type CohortVerdict =
  | { readonly kind: "enough" }
  | { readonly kind: "wait"; readonly reason: string; readonly waiting: Waiting }
  | { readonly kind: "pause"; readonly reason: string };

/**
 * Whether a round with this cohort could bring the updates it needs at the least. When clients that are busy
 * now could make up the number it is worth waiting for them; otherwise an operator has to register more.
 */
export function checkQuorumFeasible(
  cohortSize: number,
  minUpdates: number,
  roster: readonly RosterEntry[],
  nowMs: number,
): CohortVerdict {
  if (cohortSize >= minUpdates) return { kind: "enough" };
  const busy = roster
    .flatMap(({ clientId, busyUntilMs }) =>
      busyUntilMs !== null && busyUntilMs > nowMs ? [{ clientId, busyUntilMs }] : [],
    )
    .sort((a, b) => a.busyUntilMs - b.busyUntilMs || byClientId(a, b));
  const freeMs = busy[minUpdates - cohortSize - 1]?.busyUntilMs;
  const have = `${cohortSize} of the ${minUpdates} clients that a round needs at the least are available`;
  if (freeMs === undefined) return { kind: "pause", reason: `${have}: register more clients, then resume` };
  // Simulated clients are busy for fractions of a millisecond, too.
  const untilAt = Math.ceil(freeMs);
  const clientIds = busy
    .slice(0, MAX_AWAITED)
    .map(({ clientId }) => clientId)
    .sort();
  const more = busy.length > MAX_AWAITED ? ` and ${busy.length - MAX_AWAITED} more` : "";
  return {
    kind: "wait",
    reason: `${have}; busy, or with a call on its way: ${clientIds.join(", ")}${more}. It opens when enough have reported, or looks again at ${z.encode(Instant, untilAt)}`,
    waiting: { what: "clients", clientIds, count: busy.length, sinceAt: nowMs, untilAt },
  };
}

/** The run that cannot open a round: paused (or left ready) with the reason, its request dropped. */
export function pauseForClients(run: Run, reason: string, nowMs: number): Run {
  return {
    ...run,
    status: run.status === "running" ? "paused" : run.status,
    statusReason: reason,
    waiting: null,
    openRequest: { ...run.openRequest, pending: false },
    updatedAt: nowMs,
  };
}

/**
 * The run that waits, and says what for: the same round is asked for again, under a new request, when the
 * waiting ends.
 */
export function waits(run: Run, reason: string, waiting: Waiting, nowMs: number): RunDecision {
  return rescheduleOpen({ ...run, statusReason: reason, waiting }, nowMs, waiting.untilAt);
}

/**
 * Clocks of two instances may differ: a report of so long before the waiting began may have been overlooked.
 */
const CLOCK_SKEW_MS = 10_000;

/**
 * The run that waits for clients, once one of them has reported: it looks again at once. Null when it does
 * not wait, or has looked since.
 *
 * @param reportedAt when the client's report came.
 */
export function wake(run: Run, reportedAt: number, nowMs: number): RunDecision | null {
  const { waiting, openRequest } = run;
  if (waiting === null || waiting.what !== "clients" || !openRequest.pending) return null;
  if (reportedAt < waiting.sinceAt - CLOCK_SKEW_MS) return null;
  return rescheduleOpen({ ...run, statusReason: null, waiting: null }, nowMs);
}

function rescheduleOpen(run: Run, nowMs: number, atMs?: number): RunDecision {
  const request = run.openRequest.number + 1;
  return {
    run: { ...run, openRequest: { number: request, pending: true }, updatedAt: nowMs },
    commands: [{ kind: "open-round", runId: run.runId, request, ...(atMs === undefined ? {} : { atMs }) }],
  };
}

export interface RoundPlan {
  readonly run: Run;
  readonly round: Round;
  readonly invocations: readonly Invocation[];
}

/**
 * Reasons kept of clients that were left out; the rest are only counted, so that the document stays small.
 */
const MAX_REASONS = 200;

/** The clients that a round invites. */
export interface ChosenCohort {
  readonly selection: Pick<ChosenSelection, "cohort" | "considered" | "groups"> &
    Partial<Pick<ChosenSelection, "state" | "signals" | "tiers">>;
  /** At least those chosen; a chosen one that is not among them is left out of the cohort. */
  readonly clients: ReadonlyMap<string, Client>;
  /** Every client that could be chosen, as of before the round; what is not given is not counted. */
  readonly roster?: readonly (Pick<RosterEntry, "clientId" | "invocations"> & SizedEntry & ArrangedEntry)[];
  readonly rosterAsOfAt: number;
  /** See `carriedFrom`. */
  readonly carried?: readonly CarriedInvocation[];
  /** What its clients learn from beside their labels; nothing where absent. */
  readonly teachers?: RoundTeachers | undefined;
  /** What choosing has cost. */
  readonly openUsd: number;
}

/**
 * The documents of a round that opens now.
 *
 * @param nowMs as of when the cohort was chosen.
 * @param beginsAt when its clients are called, from which its deadline counts; choosing among many takes a
 *   while.
 */
export function planRound(
  run: Run,
  verdict: { readonly round: number; readonly baseVersion: number },
  { selection, clients, roster = [], rosterAsOfAt, carried, teachers, openUsd }: ChosenCohort,
  nowMs: number,
  beginsAt: number = nowMs,
): RoundPlan {
  const chosen = selection.considered.filter((entry) => entry.chosen).toSorted(byClientId);
  const left = selection.considered.filter((entry) => !entry.chosen);
  const sizeOf = workSizes(run.spec, roster, priceTables["cloud-run-2026"], nowMs);
  const places = chosen.flatMap(({ clientId, tier, reason }): RelayPlace[] => {
    const client = clients.get(clientId);
    if (client === undefined) return [];
    const work = sizeOf === null ? {} : { localEpochs: sizeOf(clientId, client.capacity) };
    return [{ clientId, tier: tier ?? null, reason, ...work }];
  });
  const cohort = places.map(({ clientId }) => clientId);
  const groups = cohort.length === 0 ? undefined : arranged(run.spec, verdict.round, places, roster);
  const invited = groups === undefined ? places : groups.flatMap(({ members }) => members.slice(0, 1));
  const invocations = invited.flatMap((place): Invocation[] => {
    const client = clients.get(place.clientId);
    if (client === undefined) return [];
    const invocation = newInvocation(run, verdict, client, place, nowMs);
    if (groups === undefined) return [invocation];
    const group = groups.findIndex(({ members }) => members[0] === place) + 1;
    return [onTurn(run, invocation, group, 1, [], beginsAt)];
  });
  const participated = participation(roster, cohort);
  const participationNow = participated === undefined ? {} : { participation: participated };
  const round: Round = {
    runId: run.runId,
    round: verdict.round,
    status: "training",
    strategy: run.spec.selection.strategy,
    cohort,
    wanted: run.spec.round.buffer?.size ?? wantedCount(cohort.length, run.spec.selection),
    ...(carried === undefined ? {} : { carried: [...carried] }),
    ...(tiersOf(run.spec) === null ? {} : { tiers: invitedByTier(selection.tiers, cohort) }),
    ...(groups === undefined ? {} : { relay: { groups } }),
    ...(teachers === undefined ? {} : { teachers }),
    notChosen: left.slice(0, MAX_REASONS).map(({ clientId, reason }) => ({ clientId, reason })),
    consideredCount: selection.considered.length,
    groups: [...(selection.groups ?? [])],
    selectionState: selection.state ?? null,
    signals: [...(selection.signals ?? [])],
    deadlineAt:
      beginsAt +
      Math.ceil(
        1_000 *
          (groups === undefined
            ? deadlineSeconds(run.spec.round, selection, run.queueWaitMs)
            : relaySeconds(groups, run.spec.round.deadlineSeconds)),
      ),
    extended: false,
    baseVersion: verdict.baseVersion,
    ...versionToMake(run, verdict.baseVersion),
    newVersion: null,
    closeReason: null,
    counts: {
      invoked: invocations.length,
      inTime: 0,
      late: 0,
      failed: 0,
      rejected: 0,
      missed: 0,
      coldStarts: 0,
    },
    consumed: [],
    dropped: [],
    outcomes: [],
    inputs: null,
    accuracy: null,
    loss: null,
    unscoredReason: null,
    eur: null,
    costUsd: null,
    costs: { ...NO_COSTS, coordinatorUsd: openUsd },
    timings: { trainingMs: null, aggregateMs: null, evaluateMs: null, wallMs: null },
    ...participationNow,
    rosterAsOfAt,
    followedUp: false,
    openedAt: nowMs,
    aggregatingAt: null,
    closedAt: null,
  };
  return {
    run: {
      ...run,
      round: verdict.round,
      openRound: verdict.round,
      openRequest: { ...run.openRequest, pending: false },
      statusReason: null,
      waiting: null,
      ...participationNow,
      updatedAt: nowMs,
    },
    round,
    invocations,
  };
}

/** The tiers of those that are invited. */
function invitedByTier(
  tiers: readonly TierCohort[] = [],
  cohort: readonly string[],
): NonNullable<Round["tiers"]> {
  const invited = new Set(cohort);
  return tiers
    .map(({ tier, members }) => ({ tier, members: members.filter((clientId) => invited.has(clientId)) }))
    .filter(({ members }) => members.length > 0);
}

/**
 * The tasks that a round in training needs: one at the deadline, first, so that the round ends whatever
 * becomes of the others; and one for each client that has not claimed yet. Named after their transitions, so
 * asking again is harmless.
 */
export function tasksOfRound(round: Round, invocations: readonly Invocation[]): readonly Command[] {
  if (round.status !== "training") return [];
  const invited = invocations.filter(isCalled);
  return [
    closeTask(round),
    ...invited.flatMap((invocation) => [...passTask(invocation), invokeTask(invocation)]),
  ];
}

/** Whether an invocation's client is to be called: it has not claimed, nor was it passed over. */
export function isCalled({ status, relay }: Invocation): boolean {
  return status === "invoked" && relay?.skippedAt === undefined;
}

/**
 * The invocation of a client whose turn in a relay has come.
 *
 * @param place of its group, which begins from one of the updates `from`.
 */
export function nextInvocation(
  run: Run,
  round: Round,
  client: Client,
  {
    group,
    hop,
    place,
    from,
  }: { readonly group: number } & Pick<Extract<Turn, { kind: "passes" }>, "hop" | "place" | "from">,
  nowMs: number,
): Invocation {
  const invocation = newInvocation(run, round, client, place, nowMs);
  return onTurn(run, invocation, group, hop, from, nowMs);
}

function onTurn(
  { spec }: Run,
  invocation: Invocation,
  group: number,
  hop: number,
  from: readonly RelayStart[],
  nowMs: number,
): Invocation {
  const dueAt = nowMs + Math.ceil(spec.round.deadlineSeconds * 1_000);
  const reason = turnReason(invocation.reason, group, hop, from);
  return { ...invocation, reason, relay: { group, hop, from: [...from], dueAt } };
}

/** The task that calls a client. */
export function invokeTask({ runId, round, clientId, url, capacity }: Invocation): Command {
  return { kind: "invoke", runId, round, clientId, url, timeoutSeconds: capacity.timeoutSeconds };
}

/** The task that closes a round at its deadline; the extension has one of its own. */
export function closeTask(round: Round): Command {
  return {
    kind: "close-round",
    runId: round.runId,
    round: round.round,
    pass: round.extended ? 2 : 1,
    atMs: round.deadlineAt,
  };
}

function newInvocation(
  { runId, spec }: Run,
  verdict: { readonly round: number; readonly baseVersion: number },
  client: Client,
  { tier, reason, localEpochs }: RelayPlace,
  nowMs: number,
): Invocation {
  return {
    runId,
    round: verdict.round,
    clientId: client.clientId,
    status: "invoked",
    url: client.url,
    serviceAccount: client.serviceAccount,
    capacity: client.capacity,
    maxSamples: client.dataCard.samples === undefined ? null : Math.max(1, client.dataCard.samples),
    tier,
    reason,
    ...(localEpochs === undefined ? {} : { work: { localEpochs, batchSize: spec.training.batchSize } }),
    baseVersion: verdict.baseVersion,
    attempt: 0,
    coldStart: null,
    update: null,
    updateGeneration: null,
    training: null,
    timings: null,
    bytesDown: null,
    bytesUp: null,
    peakRssMib: null,
    costUsd: null,
    spentUsd: 0,
    costEstimated: false,
    chargedUsd: 0,
    staleness: null,
    weight: null,
    consumedInRound: null,
    failure: null,
    invokedAt: nowMs,
    claimedAt: null,
    reportedAt: null,
    endedAt: null,
    callUntilAt: null,
    refusedAt: null,
    updatedAt: nowMs,
    deleteAt: nowMs + spec.keepInvocationsDays * MS_PER_DAY,
  };
}
