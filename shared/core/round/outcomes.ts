// What became of invocations as a round's document keeps it: the roster learns from it, and pre-warming looks
// ahead by it.
import { coldStartMs, workMs } from "../cost/clientCall.ts";
import { sumUsd } from "../cost/cost.ts";
import { isLasting } from "../failureReasons.ts";
import { plannedSteps } from "../methods/aggregation/countedSamples.ts";
import type { WorkedOn } from "../roster/reports.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { Outcome, Round, UpdateId } from "../schemas/round.ts";
import { invocationKey, listedIn } from "./buffered.ts";
import { updateKey, updateOf } from "./inbox.ts";
import { keptShares } from "./labels.ts";
import { isRelay } from "./relay.ts";
import { signalsOf } from "./signals.ts";

/** What the fold of a round makes of its updates. */
export interface Fold {
  /** The updates that it takes in. */
  readonly inputs: readonly UpdateId[];
  /** Those of them that are of no use. */
  readonly rejected: readonly UpdateId[];
  /** An upper bound of what an invocation without a report has cost. */
  readonly estimateUsd: (invocation: Invocation) => number;
}

/** What became of the round's own invocations. */
export function cohortOutcomes(
  round: Round,
  cohort: readonly Invocation[],
  { inputs, rejected, estimateUsd }: Fold,
): readonly Outcome[] {
  const taken = new Set(inputs.map(updateKey));
  const bad = new Set(rejected.map(updateKey));
  return cohort.map((invocation) => outcomeOf(round, invocation, taken, bad, estimateUsd));
}

/** Of earlier rounds' invocations whose late report became known in this one. */
export function lateOutcomes(round: Round, late: readonly Invocation[]): readonly Outcome[] {
  return late.map((invocation) => lateOutcome(round, invocation));
}

/** Of a buffered round: its updates that are settled, whether they are of use or not. */
export interface BufferedFold extends Pick<Fold, "rejected" | "estimateUsd"> {
  readonly settled: readonly UpdateId[];
}

/**
 * What became of the invocations that a buffered round waits for. Decided are those whose update is settled,
 * those that brought none, and those that were silent until their own deadline; each once, by one round of a
 * run. Of the round's own, the others go on; of those carried into it, nothing is said as long as they do.
 *
 * @param cohort its own invocations.
 * @param carried those of earlier rounds; what cannot be read is missed once its deadline has passed.
 */
export function bufferedOutcomes(
  round: Round,
  cohort: readonly Invocation[],
  carried: readonly Invocation[],
  { settled, rejected, estimateUsd }: BufferedFold,
): readonly Outcome[] {
  const byKey = new Map([...cohort, ...carried].map((one) => [invocationKey(one), one]));
  const [taken, bad] = [new Set(settled.map(updateKey)), new Set(rejected.map(updateKey))];
  const stoppedAt = round.aggregatingAt ?? round.openedAt;
  return listedIn(round).flatMap(({ dueAt, tier, ...at }): Outcome[] => {
    const invocation = byKey.get(invocationKey(at));
    const isOverdue = dueAt <= stoppedAt;
    if (invocation === undefined) return isOverdue ? [unreadable(at)] : [];
    const { status, reportedAt, capacity, chargedUsd } = invocation;
    const decided = outcomeOf(round, invocation, taken, bad, estimateUsd);
    const result = status === "expired" ? "in-time" : decided.result;
    const costUsd = Math.max(0, sumUsd([decided.costUsd, -chargedUsd]));
    if (result !== "missed") {
      return [{ ...decided, ...timesOf(invocation), ...reportedSignals(round, invocation), result, costUsd }];
    }
    // Its tier has made its version without it: a cohort makes one.
    const isLeftOut = tier !== undefined && tier === round.tier && taken.size > 0;
    if (isOverdue && (reportedAt === null || isLeftOut)) return [{ ...decided, costUsd }];
    if (at.round !== round.round) return [];
    // It may claim until its deadline, and work for as long as its function may from then on.
    const busyUntilAt = reportedAt === null ? dueAt + capacity.timeoutSeconds * 1_000 : null;
    return [{ ...decided, result: "goes-on", busyUntilAt, costUsd: 0 }];
  });
}

function unreadable({ clientId, round }: WorkedOn): Outcome {
  return {
    clientId,
    round,
    result: "missed",
    trainMs: null,
    coldStartMs: null,
    busyUntilAt: null,
    costUsd: 0,
  };
}

function outcomeOf(
  round: Round,
  invocation: Invocation,
  inputs: ReadonlySet<string>,
  bad: ReadonlySet<string>,
  estimateUsd: (invocation: Invocation) => number,
): Outcome {
  const common = {
    clientId: invocation.clientId,
    round: invocation.round,
    busyUntilAt: null,
    costUsd: invocation.costUsd ?? 0,
    ...(invocation.reportedAt === null ? {} : { reportedAt: invocation.reportedAt }),
    ...lastingFailure(invocation),
  };
  const reported = { ...common, ...timesOf(invocation), ...reportedSignals(round, invocation) };
  const update = updateOf(invocation);
  if (update !== null && inputs.has(updateKey(update))) {
    // Reported after the waiting but before the fold is in time, too: the fold has it.
    return { ...reported, result: bad.has(updateKey(update)) ? "rejected" : "in-time" };
  }
  if (invocation.status === "failed") return { ...reported, result: "failed" };
  return {
    ...common,
    result: "missed",
    // Its times and signals count in the round that takes its update in.
    trainMs: null,
    coldStartMs: null,
    busyUntilAt: busyUntil(invocation),
    costUsd: invocation.costUsd ?? estimateUsd(invocation),
  };
}

/**
 * Why the client cannot do its part, where that lasts. Only its own report and its own claim set a reason: no
 * other party can have it left out.
 */
function lastingFailure({ status, failure, reportedAt, updatedAt }: Invocation): Pick<Outcome, "cannot"> {
  const reason = failure?.reason;
  const isOwn = status === "failed" || status === "invoked" || status === "missed";
  if (!isOwn || reason === undefined || !isLasting(reason)) return {};
  return { cannot: { reason, at: reportedAt ?? updatedAt } };
}

/**
 * A client that claimed may work until its function's time-out; one that did not is busy while a call to it
 * is on its way.
 */
function busyUntil({ claimedAt, reportedAt, callUntilAt, capacity }: Invocation): number | null {
  if (reportedAt !== null) return null;
  return claimedAt === null ? callUntilAt : claimedAt + capacity.timeoutSeconds * 1_000;
}

function lateOutcome(round: Round, invocation: Invocation): Outcome {
  return {
    clientId: invocation.clientId,
    round: invocation.round,
    result: "late",
    ...timesOf(invocation),
    ...reportedSignals(round, invocation),
    busyUntilAt: null,
    ...(invocation.reportedAt === null ? {} : { reportedAt: invocation.reportedAt }),
    costUsd: Math.max(0, sumUsd([invocation.costUsd ?? 0, -invocation.chargedUsd])),
  };
}

/** What the next selection, and the next arrangement, may look at. */
function reportedSignals(round: Round, invocation: Invocation): Pick<Outcome, "signals" | "labelShares"> {
  const signals = round.signals.length === 0 ? undefined : signalsOf(invocation, round.signals);
  const { labelCounts } = invocation;
  const isKept = isRelay(round) && labelCounts !== undefined;
  return {
    ...(signals === undefined ? {} : { signals }),
    ...(isKept ? { labelShares: keptShares(labelCounts) } : {}),
  };
}

/** What a scheduler predicts by. Null where nothing was reported, or nothing was trained. */
function timesOf(invocation: Invocation): Pick<Outcome, "trainMs" | "coldStartMs" | "epochs"> {
  const { timings, training, work } = invocation;
  const steps = work === undefined || training === null ? 0 : training.steps;
  const coldStart = invocation.coldStart === true;
  return {
    trainMs: timings === null || training === null ? null : workMs(invocation, timings, coldStart),
    coldStartMs: timings === null || !coldStart ? null : coldStartMs(invocation, timings),
    ...(work === undefined || training === null || steps === 0
      ? {}
      : { epochs: steps / plannedSteps(training.samples, { ...work, localEpochs: 1 }) }),
  };
}
