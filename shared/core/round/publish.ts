// Publishing a round: what the fold of its updates makes of the round and the run, in one small transaction.
import { sumUsd } from "../cost/cost.ts";
import { FlError } from "../errors.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { ConsumedUpdate, DroppedUpdate, Outcome, Round, UpdateId } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import type { Command } from "./commands.ts";
import { advance } from "./control.ts";

/** How long an aggregator may work before another may take its place. Longer than any fold, shorter than a retry's patience. */
export const LEASE_MS = 120_000;

/**
 * The round with the aggregation leased to `owner`.
 *
 * @throws FlError("unavailable") while another aggregator holds a lease that has not run out.
 */
export function takeLease(round: Round, owner: string, nowMs: number): Round {
  const lease = round.lease;
  if (lease !== null && lease.owner !== owner && lease.expiresAt > nowMs) {
    throw new FlError(
      "unavailable",
      `Round ${round.round} of run ${round.runId} is being aggregated already.`,
      {
        retry: { afterMs: lease.expiresAt - nowMs },
      },
    );
  }
  return { ...round, lease: { owner, expiresAt: nowMs + LEASE_MS } };
}

export function updateKey(update: UpdateId): string {
  return `${update.round}/${update.clientId}/${update.attempt}`;
}

/** The update that an invocation's report points at, or null when it reported none. */
export function updateOf(invocation: Invocation): UpdateId | null {
  if (invocation.update === null) return null;
  return { round: invocation.round, clientId: invocation.clientId, attempt: invocation.update.attempt };
}

/**
 * The updates to fold in a round: reported ones of this round and of the rounds before it, less those an earlier round
 * has consumed or dropped already (its marks may be unfinished), in the order of client name, then round.
 */
export function candidates(
  invocations: readonly Invocation[],
  earlierRounds: readonly Round[],
): readonly Invocation[] {
  const settled = new Set(
    earlierRounds.flatMap((round) => [...round.consumed.map(updateKey), ...round.dropped.map(updateKey)]),
  );
  return invocations
    .filter((invocation) => {
      if (invocation.status !== "reported" && invocation.status !== "late") return false;
      const update = updateOf(invocation);
      return update !== null && !settled.has(updateKey(update));
    })
    .sort((a, b) => (a.clientId < b.clientId ? -1 : a.clientId > b.clientId ? 1 : a.round - b.round));
}

/**
 * Of the waiting updates, those of earlier rounds that were counted as missed and have not been counted as late since:
 * their times are learned, and their misses forgiven, once.
 *
 * @param earlierRounds in ascending order.
 */
export function newlyLate(
  waiting: readonly Invocation[],
  round: Round,
  earlierRounds: readonly Round[],
): readonly Invocation[] {
  const last = new Map(
    earlierRounds.flatMap(({ outcomes }) =>
      outcomes.map((outcome) => [`${outcome.round}/${outcome.clientId}`, outcome.result] as const),
    ),
  );
  return waiting.filter(
    (invocation) =>
      invocation.round !== round.round && last.get(`${invocation.round}/${invocation.clientId}`) === "missed",
  );
}

export interface FoldResult {
  readonly consumed: readonly ConsumedUpdate[];
  readonly dropped: readonly DroppedUpdate[];
  /** Null when the model is carried over. */
  readonly newVersion: number | null;
  readonly aggregateMs: number;
  /** What the aggregator's own work cost. */
  readonly aggregateCostUsd: number;
}

/** Whether the updates to fold, late ones among them, are too few for a new version. */
export function isDegraded(run: Run, consumed: readonly ConsumedUpdate[]): boolean {
  return consumed.length < run.spec.round.minUpdates;
}

export interface Publication {
  readonly run: Run;
  readonly round: Round;
  readonly commands: readonly Command[];
}

/**
 * The run and the round after the fold, and what follows: evaluate the new version, open the next round.
 *
 * @param cohort the invocations of this round, as read after the lease was taken.
 * @param late invocations of earlier rounds whose late report became known in this one.
 * @param estimateUsd an upper bound of what an invocation without a report has cost up to `nowMs`.
 * @throws FlError("aborted") when the lease is no longer `owner`'s: somebody else finishes the round.
 */
export function publish(
  run: Run,
  round: Round,
  owner: string,
  result: FoldResult,
  cohort: readonly Invocation[],
  late: readonly Invocation[],
  estimateUsd: (invocation: Invocation) => number,
  nowMs: number,
): Publication {
  if (round.status !== "aggregating" || round.lease?.owner !== owner) {
    throw new FlError(
      "aborted",
      `Round ${round.round} of run ${run.runId} is ${round.status} and no longer ours to close.`,
    );
  }
  const outcomes = [
    ...cohort.map((invocation) => outcomeOf(invocation, result.dropped, estimateUsd)),
    ...late.map((invocation) => lateOutcome(invocation)),
  ];
  const of = (kind: Outcome["result"]) => outcomes.filter((outcome) => outcome.result === kind).length;
  const invoked = cohort.length;
  const inTime = of("in-time");
  const lateUsed = result.consumed.filter((update) => update.round !== round.round).length;
  const costUsd = sumUsd([result.aggregateCostUsd, ...outcomes.map((outcome) => outcome.costUsd)]);
  const wallMs = Math.max(0, nowMs - round.openedAt);
  const totals = {
    invoked: run.totals.invoked + invoked,
    inTime: run.totals.inTime + inTime,
    late: run.totals.late + lateUsed,
    costUsd: sumUsd([run.totals.costUsd, costUsd]),
    wallMs: run.totals.wallMs + wallMs,
  };
  const published: Round = {
    ...round,
    status: result.newVersion === null ? "degraded" : "closed",
    newVersion: result.newVersion,
    counts: {
      invoked,
      inTime,
      late: lateUsed,
      failed: of("failed"),
      rejected: of("rejected"),
      missed: of("missed"),
      coldStarts: cohort.filter((invocation) => invocation.coldStart === true).length,
    },
    consumed: [...result.consumed],
    dropped: shortened(result.dropped),
    outcomes,
    lease: null,
    eur: invoked === 0 ? null : inTime / invoked,
    costUsd,
    timings: { ...round.timings, aggregateMs: result.aggregateMs, wallMs },
    closedAt: nowMs,
  };
  const settled: Run = {
    ...run,
    openRound: run.openRound === round.round ? null : run.openRound,
    modelVersion: result.newVersion ?? run.modelVersion,
    totals,
    eur: totals.invoked === 0 ? null : totals.inTime / totals.invoked,
    updatedAt: nowMs,
  };
  const next = settled.status === "running" ? advance(settled).run : settled;
  return { run: next, round: published, commands: afterPublish(next, published) };
}

/** What has to be done once a round is published; asking for it again is harmless. */
export function afterPublish(run: Run, round: Round): readonly Command[] {
  const commands: Command[] = [];
  if (round.newVersion !== null && round.accuracy === null) {
    commands.push({ kind: "evaluate", runId: run.runId, round: round.round, version: round.newVersion });
  }
  if (run.status === "running" && run.openRequest.pending && run.round === round.round) {
    commands.push({ kind: "open-round", runId: run.runId, request: run.openRequest.number });
  }
  return commands;
}

/**
 * Characters kept of all reasons together, and of each. With MAX_COHORT and as many late updates as clients, all of them
 * dropped, a round's document stays below the 1 MiB that Firestore takes.
 */
const REASONS_LENGTH = 200_000;
const REASON_LENGTH = 1_000;

function shortened(dropped: readonly DroppedUpdate[]): DroppedUpdate[] {
  const length = Math.min(REASON_LENGTH, Math.floor(REASONS_LENGTH / dropped.length));
  return dropped.map((update) => ({ ...update, reason: update.reason.slice(0, length) }));
}

function outcomeOf(
  invocation: Invocation,
  dropped: readonly DroppedUpdate[],
  estimateUsd: (invocation: Invocation) => number,
): Outcome {
  const common = {
    clientId: invocation.clientId,
    round: invocation.round,
    trainMs: workMs(invocation),
    coldStartMs: invocation.coldStart === true ? (invocation.timings?.coldStartMs ?? null) : null,
    busyUntilAt: null,
    costUsd: invocation.costUsd ?? 0,
  };
  const update = updateOf(invocation);
  if (update !== null && dropped.some((drop) => updateKey(drop) === updateKey(update))) {
    return { ...common, result: "rejected" };
  }
  switch (invocation.status) {
    case "reported":
    case "late": // It came after the waiting but before the fold, which has it.
      return { ...common, result: "in-time" };
    case "failed":
      return { ...common, result: "failed" };
    default:
      return {
        ...common,
        result: "missed",
        // A client that never claimed is refused from now on; one that did may work until its function's time-out.
        busyUntilAt:
          invocation.claimedAt === null
            ? null
            : invocation.claimedAt + invocation.capacity.timeoutSeconds * 1_000,
        costUsd: invocation.costUsd ?? estimateUsd(invocation),
      };
  }
}

function lateOutcome(invocation: Invocation): Outcome {
  return {
    clientId: invocation.clientId,
    round: invocation.round,
    result: "late",
    trainMs: workMs(invocation),
    coldStartMs: invocation.coldStart === true ? (invocation.timings?.coldStartMs ?? null) : null,
    busyUntilAt: null,
    costUsd: Math.max(0, sumUsd([invocation.costUsd ?? 0, -invocation.chargedUsd])),
  };
}

/** Claim to upload, without the queue and the cold start: what a scheduler predicts. Null when nothing was told. */
function workMs(invocation: Invocation): number | null {
  const timings = invocation.timings;
  if (timings === null || invocation.training === null) return null;
  return timings.claimMs + timings.downloadMs + timings.dataMs + timings.trainMs + timings.uploadMs;
}
