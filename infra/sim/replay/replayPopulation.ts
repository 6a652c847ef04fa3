// A population out of a recorded run: who was invoked in a round of the recording does there what it did; in
// any other round it does what it did in one of its own, or where it was never invoked, what one of all the
// others did.
import { type Random, randomFrom } from "../../../shared/core/random.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import { type Conduct, type Learned, type Population, unreachable } from "../population/population.ts";
import type { Recording } from "./recording.ts";

export function replayPopulation({ run, rounds, invocations }: Recording, seed: number): Population {
  const clientIds = [
    ...new Set([
      ...rounds.flatMap(({ cohort, notChosen }) => [...cohort, ...notChosen.map(({ clientId }) => clientId)]),
      ...invocations.map(({ clientId }) => clientId),
    ]),
  ].sort();
  const ordered = invocations.toSorted((a, b) => a.round - b.round || (a.clientId < b.clientId ? -1 : 1));
  const own = Map.groupBy(ordered, ({ clientId }) => clientId);
  const samples = new Map(
    ordered.flatMap(({ clientId, training }) => (training === null ? [] : [[clientId, training.samples]])),
  );
  const labelCounts = new Map(
    ordered.flatMap((one) => (one.labelCounts === undefined ? [] : [[one.clientId, one.labelCounts]])),
  );
  const usualSamples = median([...samples.values()]) ?? 1;
  const aggregateMs = new Map(rounds.map(({ round, timings }) => [round, timings.aggregateMs]));
  const usualAggregateMs = median([...aggregateMs.values()].flatMap((ms) => ms ?? [])) ?? 0;
  const openDelayMs = new Map(rounds.flatMap((round, i) => openDelayOf(round, rounds[i + 1], invocations)));
  const usualDelayMs = median([...openDelayMs.values()]) ?? 0;
  /**
   * When a client was woken ahead of a round, where none was in the recording: else its calls are as they
   * were then.
   */
  const wokenAtMs = new Map<string, number>();
  /** What was recorded of the client in this round, else in one of its own, else of one of all the others. */
  const invocationFor = (clientId: string, round: number): Invocation | undefined => {
    const theirs = own.get(clientId);
    const recorded = theirs?.find((invocation) => invocation.round === round);
    return recorded ?? pick(theirs ?? ordered, randomFrom(seed, "replay", clientId, round));
  };
  const capacity = ordered[0]?.capacity ?? { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 };
  return {
    clientIds,
    capacity,
    // The recording has the delivery that counted.
    deliveries: { most: 1, pauseMs: 0 },
    dispatchMs: 0,
    aggregateMs: (round) => aggregateMs.get(round) ?? usualAggregateMs,
    openDelayMs: (round) => (round === 0 ? 0 : (openDelayMs.get(round) ?? usualDelayMs)),
    // All clients in it were considered, so they had what the run asked for.
    labels: () => run.spec.selection.clients?.labels ?? {},
    samples: (clientId) => samples.get(clientId) ?? usualSamples,
    labelCounts: (clientId) => labelCounts.get(clientId),
    warm: ({ clientId, round, atMs }) => {
      if (run.spec.round.prewarm === undefined) wokenAtMs.set(`${round}/${clientId}`, atMs);
    },
    conduct: ({ clientId, round, atMs }) => {
      const conduct = conductOf(invocationFor(clientId, round), run.spec.round.deadlineSeconds);
      return atMs >= (wokenAtMs.get(`${round}/${clientId}`) ?? Infinity) + startMs(conduct)
        ? warmed(conduct)
        : conduct;
    },
    learned: (clientId, round) => {
      const invocation = invocationFor(clientId, round);
      return invocation === undefined ? null : learnedIn(invocation);
    },
    failure: (clientId, round) => invocationFor(clientId, round)?.failure ?? null,
  };
}

/** The whole of its cold start: up to the claim, and what loads after it. */
function startMs({ coldStartMs, reportedTimings }: Conduct): number {
  return Math.max(coldStartMs, reportedTimings?.coldStartMs ?? 0);
}

function warmed(conduct: Conduct): Conduct {
  const workMs = Math.max(0, conduct.workMs - (startMs(conduct) - conduct.coldStartMs));
  const warm = { ...conduct, isCold: false, coldStartMs: 0, workMs };
  return conduct.reportedTimings === undefined
    ? warm
    : { ...warm, reportedTimings: { ...conduct.reportedTimings, coldStartMs: 0 } };
}

/**
 * What passed between a round's end and the next one's opening beside the aggregation: tasks on their way,
 * pauses. A round that did not last until its deadline ended with the report that closed it, as it does here,
 * or in a relay with the deadline of its last turn; what the coordinator took to notice is part of what
 * passed.
 */
function openDelayOf(
  round: Round,
  next: Round | undefined,
  invocations: readonly Invocation[],
): [number, number][] {
  const { openedAt, deadlineAt, closeReason, aggregatingAt } = round;
  const { trainingMs, aggregateMs } = round.timings;
  if (next?.round !== round.round + 1 || trainingMs === null || aggregateMs === null) return [];
  const stoppedAt = aggregatingAt ?? openedAt + trainingMs;
  const ends = invocations.flatMap((invocation) => {
    const endedAt = invocation.round === round.round ? turnEnd(invocation) : null;
    return endedAt !== null && endedAt <= stoppedAt ? [endedAt] : [];
  });
  const byReport = closeReason === "all-reported" || closeReason === "quorum";
  const atDeadline = closeReason === "deadline" || closeReason === "too-few-updates";
  const lastEnd = byReport && ends.length > 0 ? Math.max(...ends) : stoppedAt;
  const endedAt = atDeadline ? deadlineAt : lastEnd;
  return [[round.round, Math.max(0, next.openedAt - endedAt - aggregateMs)]];
}

/** When a round waited for the invocation no longer; null where it did so to the end. */
function turnEnd({ reportedAt, relay }: Invocation): number | null {
  return relay?.skippedAt === undefined ? reportedAt : relay.dueAt;
}

function pick(invocations: readonly Invocation[], random: Random): Invocation | undefined {
  return invocations[random.int(Math.max(1, invocations.length))];
}

function conductOf(invocation: Invocation | undefined, deadlineSeconds: number): Conduct {
  const { claimedAt = null, invokedAt = 0, reportedAt = null, timings = null, status } = invocation ?? {};
  if (claimedAt === null) return heldUp(invocation);
  const untilClaimMs = Math.max(0, claimedAt - invokedAt);
  const isCold = invocation?.coldStart === true;
  if (reportedAt === null || timings === null) {
    // It was never heard of again: how long it worked is not known.
    const workMs = 1_000 * deadlineSeconds;
    return { waitMs: untilClaimMs, isCold, coldStartMs: 0, workMs, ending: "silence" };
  }
  // A client's own time includes loading TensorFlow, which comes after its claim.
  const coldStartMs = isCold ? Math.min(timings.coldStartMs, untilClaimMs) : 0;
  const { reportMs: _ofTheCoordinator, ...reportedTimings } = timings;
  return {
    waitMs: untilClaimMs - coldStartMs,
    isCold,
    coldStartMs,
    workMs: Math.max(0, reportedAt - claimedAt),
    ending: status === "failed" ? "failure" : "update",
    reportedTimings,
  };
}

function learnedIn({ training, signals, evaluation }: Invocation): Learned | null {
  if (training === null) return null;
  const { lossBefore, lossAfter } = training;
  return {
    lossBefore,
    lossAfter,
    ...(signals === undefined ? {} : { signals }),
    ...(evaluation === undefined ? {} : { score: { evaluation } }),
  };
}

/**
 * A call that was not claimed in time: it was on its way as the round closed, claimed too late or never, or
 * reached no client.
 */
function heldUp(invocation: Invocation | undefined): Conduct {
  const { invokedAt = 0, callUntilAt = null, refusedAt = null } = invocation ?? {};
  if (callUntilAt === null) return unreachable;
  const waitMs = refusedAt === null ? NEVER_MS : Math.max(0, refusedAt - invokedAt);
  return { ...unreachable, waitMs, ending: "silence" };
}

/** Longer than any run. */
const NEVER_MS = 1e13;

function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
}
