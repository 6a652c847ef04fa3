// Publishing a round: what the fold of its inputs makes of the round and the run, in one small transaction.
import { sumUsd } from "../cost/cost.ts";
import { leastUpdates } from "../methods/aggregation/aggregationOf.ts";
import type { Command } from "../protocol/commands.ts";
import { MAX_DOCUMENT_BYTES, storedBytes } from "../schemas/documentSize.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { ConsumedUpdate, DroppedUpdate, Outcome, Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { MAX_COHORT } from "../schemas/spec.ts";
import { isBuffered } from "./buffered.ts";
import { totalUsd } from "./charge.ts";
import { advance } from "./control.ts";
import { awaitsScore, whyPassedOver } from "./evaluation.ts";
import { federatedScore, withFederated } from "./federated.ts";
import { bufferedOutcomes, cohortOutcomes, lateOutcomes } from "./outcomes.ts";
import { expectedQueueWaitMs } from "./queueWait.ts";
import { usualShare, withStaleness } from "./stalenessSeen.ts";
import { withVersionOf } from "./tiers.ts";

export interface FoldResult {
  readonly consumed: readonly ConsumedUpdate[];
  readonly dropped: readonly DroppedUpdate[];
  /** Null when the model is carried over. */
  readonly newVersion: number | null;
  /** Why there is none, in words. */
  readonly degraded?: string | undefined;
  /** Why the new version is to be scored before a round starts from it; absent where it need not be. */
  readonly doubt?: string | undefined;
  /** The run's, where it asks for any and a version is made. */
  readonly labelCounts?: readonly number[] | undefined;
  /** The run's, where it remembers any and a version is made. */
  readonly updateNorms?: readonly number[] | undefined;
  readonly aggregateMs: number;
  /** What the aggregator's own work cost. */
  readonly aggregateCostUsd: number;
}

/**
 * The fold's result where the weights it made are of no use: the model is carried over, and no update counts
 * again.
 */
export function withoutVersion(
  consumed: readonly ConsumedUpdate[],
  dropped: readonly DroppedUpdate[],
  reason: string,
): Pick<FoldResult, "consumed" | "dropped" | "newVersion" | "degraded"> {
  const useless = consumed.map(
    ({ round, clientId, attempt }): DroppedUpdate => ({ round, clientId, attempt, fate: "rejected", reason }),
  );
  return { consumed: [], dropped: [...dropped, ...useless], newVersion: null, degraded: reason };
}

/**
 * Why the updates to fold, late ones among them, make no version: they are too few for the round, or for what
 * the aggregation holds to be true of them. Then the model is carried over, never averaged in another way.
 * Null where they make one.
 */
export function whyDegraded({ spec }: Run, consumed: readonly ConsumedUpdate[]): string | null {
  const { aggregation, round } = spec;
  const groups = new Set(consumed.map(({ group }) => group));
  const isRelay = round.relay !== undefined;
  const folded = isRelay ? groups.size : consumed.length;
  const of = isRelay ? `, in the last models of ${folded} groups` : "";
  const have = `${consumed.length} updates could be folded${of}`;
  const least = leastUpdates(aggregation);
  if (folded >= least && consumed.length >= round.minUpdates) return null;
  if (least <= round.minUpdates && (!isRelay || folded >= least))
    return `${have}, and round.minUpdates is ${round.minUpdates}: the model was carried over.`;
  const { maxMalicious } = { maxMalicious: undefined, ...aggregation };
  const [against, or] =
    maxMalicious === undefined
      ? ["", ""]
      : [` against ${maxMalicious} that may be bad`, ", or lower aggregation.maxMalicious"];
  return `${have}, and aggregation.strategy ${aggregation.strategy} needs ${least}${against}: the model was carried over. Invite more clients (selection.cohortSize)${or}.`;
}

export interface Publication {
  readonly run: Run;
  readonly round: Round;
  readonly commands: readonly Command[];
}

/**
 * The run and the round after the fold, and what follows: evaluate the new version, open the next round. Null
 * when the round is over already: another aggregator, which folded the same inputs, was faster, or the run
 * was cancelled.
 *
 * @param round with its inputs fixed.
 * @param cohort the invocations of this round.
 * @param late invocations of earlier rounds whose late report became known in this one; of a buffered round
 *   all that it carries.
 * @param estimateUsd an upper bound of what an invocation without a report has cost up to `nowMs`.
 */
export function publish(
  run: Run,
  round: Round,
  result: FoldResult,
  cohort: readonly Invocation[],
  late: readonly Invocation[],
  estimateUsd: (invocation: Invocation) => number,
  nowMs: number,
): Publication | null {
  if (round.status !== "aggregating") return null;
  // One that has expired was sound when it came: its client is not blamed.
  const rejected = result.dropped.filter(({ fate }) => fate === "rejected");
  const settled = [...result.consumed, ...result.dropped];
  const outcomes: Outcome[] = isBuffered(round)
    ? [...bufferedOutcomes(round, cohort, late, { settled, rejected, estimateUsd })]
    : [
        ...cohortOutcomes(round, cohort, { inputs: round.inputs ?? [], rejected, estimateUsd }),
        ...lateOutcomes(round, late),
      ];
  const of = (kind: Outcome["result"]) => outcomes.filter((outcome) => outcome.result === kind).length;
  const invoked = cohort.length;
  const inTime = of("in-time");
  const lateUsed = result.consumed.filter((update) => update.round !== round.round).length;
  const costs = {
    ...round.costs,
    clientsUsd: sumUsd(outcomes.map((outcome) => outcome.costUsd)),
    aggregatorUsd: result.aggregateCostUsd,
    prewarmUsd: round.prewarmed?.costUsd ?? 0,
  };
  const costUsd = totalUsd(costs);
  const federated = federatedScore(run, round, cohort, rejected);
  const wallMs = Math.max(0, nowMs - round.openedAt);
  const totals = {
    ...run.totals,
    invoked: run.totals.invoked + invoked,
    inTime: run.totals.inTime + inTime,
    late: run.totals.late + lateUsed,
    failed: run.totals.failed + of("failed"),
    rejected: run.totals.rejected + of("rejected"),
    missed: run.totals.missed + of("missed"),
    costUsd: sumUsd([run.totals.costUsd, costUsd]),
    wallMs: run.totals.wallMs + wallMs,
  };
  const { foldAttempts: _begun, ...before } = round;
  const unscored =
    result.newVersion === null || result.doubt !== undefined ? null : whyPassedOver(run, round.round);
  const published = fitted({
    ...before,
    status: result.newVersion === null ? "degraded" : "closed",
    newVersion: result.newVersion,
    ...(result.newVersion === null && result.degraded !== undefined
      ? { degradedReason: result.degraded.slice(0, 1_000).toWellFormed() }
      : {}),
    unscoredReason: unscored ?? round.unscoredReason,
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
    dropped: [...result.dropped],
    outcomes,
    inputs: null,
    ...(federated === undefined ? {} : { federated }),
    eur: effectiveRatio({ inTime, failed: of("failed"), rejected: of("rejected"), missed: of("missed") }),
    costUsd,
    costs,
    timings: { ...round.timings, aggregateMs: result.aggregateMs, wallMs },
    closedAt: nowMs,
  });
  const queueWaitMs = expectedQueueWaitMs(run, [...cohort, ...late]);
  const moved: Run = {
    ...withFederated(run, round, federated),
    ...(queueWaitMs === undefined ? {} : { queueWaitMs }),
    ...(result.newVersion === null || (result.labelCounts ?? []).length === 0
      ? {}
      : { labelCounts: [...(result.labelCounts ?? [])] }),
    ...(result.newVersion === null || (result.updateNorms ?? []).length === 0
      ? {}
      : { updateNorms: [...(result.updateNorms ?? [])] }),
    ...(result.newVersion === null || usualShare(run.spec) === null
      ? {}
      : { stalenessCounts: [...withStaleness(run.stalenessCounts ?? [], result.consumed)] }),
    ...(result.newVersion === null || round.tier === undefined
      ? {}
      : { tiers: withVersionOf(round.tier, round.round, run.tiers) }),
    openRound: run.openRound === round.round ? null : run.openRound,
    modelVersion: result.newVersion ?? run.modelVersion,
    totals,
    eur: effectiveRatio(totals),
    updatedAt: nowMs,
  };
  const next = moved.status === "running" ? goOn(moved, result) : moved;
  return { run: next, round: published, commands: afterPublish(next, published) };
}

/**
 * EUR: of the invocations whose outcome is known, the share that brought their update in time; null of none.
 * Rounds that are not buffered decide all of theirs.
 */
function effectiveRatio({
  inTime,
  failed,
  rejected,
  missed,
}: Pick<Round["counts"], "inTime" | "failed" | "rejected" | "missed">): number | null {
  const decided = inTime + failed + rejected + missed;
  return decided === 0 ? null : inTime / decided;
}

function goOn(run: Run, { doubt, newVersion }: FoldResult): Run {
  if (doubt === undefined) return advance(run).run;
  const statusReason = `The next round opens when version ${newVersion} has a score, because ${doubt}.`;
  return { ...run, statusReason };
}

/** What has to be done once a round is published; asking for it again is harmless. */
export function afterPublish(run: Run, round: Round): readonly Command[] {
  const commands: Command[] = [];
  if (round.newVersion !== null && awaitsScore(round, round.newVersion)) {
    commands.push({ kind: "evaluate", runId: run.runId, round: round.round, version: round.newVersion });
  }
  if (run.status === "running" && run.openRequest.pending && run.round === round.round) {
    commands.push({ kind: "open-round", runId: run.runId, request: run.openRequest.number });
  }
  return commands;
}

/** Bytes kept of all reasons together, and of each. */
const REASONS_BYTES = 100_000;
const REASON_BYTES = 1_000;

/**
 * Bytes of a round's document that are for its name and what is written after its close, such as its score.
 */
const RESERVED_BYTES = 8_000;

/** Outcomes that cannot fill a document, whatever else is in it. */
const FEW_OUTCOMES = 1_000;

/**
 * The round as its document takes it. With the largest cohort and as many late updates as a round takes it
 * may be full: then the reasons share what room there is, and signals that do not fit as well are left out,
 * which the round says. What is said of clients that were not chosen goes only where there is no other way.
 */
function fitted(round: Round): Round {
  // A simulated round of more clients than a deployed one may have is stored nowhere.
  if (round.outcomes.length < FEW_OUTCOMES || round.cohort.length > MAX_COHORT) {
    return { ...round, dropped: shortened(round.dropped, REASONS_BYTES) };
  }
  const limit = MAX_DOCUMENT_BYTES - RESERVED_BYTES;
  const whole: Round = {
    ...round,
    dropped: round.dropped.map((update) => ({ ...update, reason: "" })),
    outcomes: round.outcomes.map(({ signals: _signals, ...outcome }) => outcome),
  };
  const bare = storedBytes(whole) <= limit ? whole : { ...whole, notChosen: [] };
  const room = Math.max(0, limit - storedBytes(bare));
  const dropped = shortened(round.dropped, Math.min(REASONS_BYTES, room));
  const full = { ...bare, dropped, outcomes: round.outcomes };
  if (round.signals.length === 0 || storedBytes(full) <= limit) return full;
  return { ...bare, dropped, signalsLeftOut: NO_ROOM };
}

const NO_ROOM =
  "The outcomes leave no room for signals in the round's document: invite fewer clients, or give them shorter names.";

function shortened(dropped: readonly DroppedUpdate[], roomBytes: number): DroppedUpdate[] {
  const room = new Uint8Array(Math.min(REASON_BYTES, Math.floor(roomBytes / Math.max(1, dropped.length))));
  const encoder = new TextEncoder();
  return dropped.map((update) => {
    const { read } = encoder.encodeInto(update.reason, room);
    return { ...update, reason: update.reason.slice(0, read) };
  });
}
