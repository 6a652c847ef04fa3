// What is known before a run starts: its clients, the calls of theirs that were seen, and what the
// deployment's own functions took in another run.
import type { Capacity } from "../../../shared/core/schemas/client.ts";
import type { InvocationStatus } from "../../../shared/core/schemas/invocation.ts";

/** A client that the run may invite. */
export interface EvidencedClient {
  readonly clientId: string;
  /** Clients with the same address share a function, and its warm instances. */
  readonly url: string;
  readonly capacity: Capacity;
  readonly labels: Readonly<Record<string, string>>;
  /** Null where nobody has said. */
  readonly samples: number | null;
}

/** A call of a client that was seen, with its times as this run's work would have taken them. */
export interface SeenCall {
  readonly clientId: string;
  readonly basis: "run" | "check";
  /** Calls of one group were sent together: a round's cohort, or the checks. */
  readonly group: string;
  readonly sentMs: number;
  readonly claimedMs: number | null;
  readonly endedMs: number | null;
  /** The whole cold start; 0 where an instance was warm. */
  readonly coldMs: number;
  /** Training as much as this run asks for; null where it was not seen. */
  readonly trainMs: number | null;
  /** The rest from claim to report: claiming, downloads, reading data, uploads. Null where it was not seen. */
  readonly otherMs: number | null;
  /** What it did because it was the first of its process, in none of the times above; null: not measured. */
  readonly warmUpMs: number | null;
  readonly outcome: "update" | "failure" | "silence";
}

/** What the deployment's own functions did in a round that was seen. */
export interface SeenRound {
  /** From the end of the training until the round was closed; null where it made no version. */
  readonly aggregateMs: number | null;
  readonly aggregatorUsd: number;
  /** From its close, or the run's start, until it was opened; null where the run stood still in between. */
  readonly openDelayMs: number | null;
  readonly coordinatorUsd: number;
  readonly evaluatorUsd: number;
}

export interface LikeRun {
  readonly runId: string;
  readonly rounds: readonly SeenRound[];
  readonly preparationUsd: number;
  /** How much more arithmetic this run's model is than that one's. */
  readonly modelRatio: number;
  /** Whether it is known what scored its versions, at the same model and test set. */
  readonly sameModel: boolean;
}

export interface Evidence {
  readonly clients: readonly EvidencedClient[];
  readonly calls: readonly SeenCall[];
  readonly like: LikeRun | null;
  /** Samples that versions are scored on; null where nobody has said. */
  readonly testSamples: number | null;
  /** Calls that are served at once, where that was said. */
  readonly places: number | null;
}

/** The work that a call did, or is to do. */
export interface Work {
  readonly localEpochs: number;
  readonly batchSize: number;
  /** Of a training step, as is usual for the model; see `usualStepMs`. */
  readonly stepMs: number;
}

/** How much longer the second takes for the same samples. */
export function workRatio(done: Work, asked: Work): number {
  const perSample = ({ localEpochs, batchSize, stepMs }: Work) => (localEpochs * stepMs) / batchSize;
  return perSample(asked) / perSample(done);
}

/** Steps of a client with so many samples. */
export function stepsOf(samples: number, { localEpochs, batchSize }: Work): number {
  return localEpochs * Math.ceil(samples / batchSize);
}

interface CheckTimes {
  readonly clientId: string;
  readonly status: string;
  readonly askedAt: number;
  readonly claimedAt: number | null;
  readonly endedAt: number | null;
  readonly facts: {
    readonly coldStartMs: number;
    readonly dataMs: number | null;
    readonly samples: number | null;
    readonly steps: number;
    readonly stepMs: number | null;
    readonly warmUpMs: number | null;
  } | null;
}

/**
 * A check as a call of this run: its steps, as many as the run asks for; and all else that it did, which a
 * training does too.
 *
 * @param done the work of the run that it was for; null: of none, so that it trained nothing
 */
export function seenCheck(check: CheckTimes, done: Work | null, asked: Work): SeenCall | null {
  const { clientId, status, askedAt: sentMs, claimedAt: claimedMs, endedAt: endedMs, facts } = check;
  if (status === "asked" || status === "running") return null;
  const call = { clientId, basis: "check" as const, group: "checks", sentMs, claimedMs, endedMs };
  if (facts === null || claimedMs === null || endedMs === null) {
    return { ...call, coldMs: 0, trainMs: null, otherMs: null, warmUpMs: null, outcome: "silence" };
  }
  const { coldStartMs: coldMs, samples, steps, stepMs, warmUpMs } = facts;
  const trained = stepMs === null ? 0 : steps * stepMs + (warmUpMs ?? 0);
  const afterClaim = coldMs - coldBefore({ sentMs, claimedMs, coldMs });
  const trainMs =
    stepMs === null || samples === null || done === null
      ? null
      : stepsOf(samples, asked) * stepMs * (asked.stepMs / done.stepMs);
  return {
    ...call,
    coldMs,
    trainMs,
    otherMs: Math.max(0, endedMs - claimedMs - afterClaim - trained),
    warmUpMs,
    outcome: status === "passed" ? "update" : "failure",
  };
}

interface InvocationTimes {
  readonly round: number;
  readonly clientId: string;
  readonly status: InvocationStatus;
  readonly coldStart: boolean | null;
  readonly timings: { readonly coldStartMs: number; readonly trainMs: number } | null;
  readonly invokedAt: number;
  readonly claimedAt: number | null;
  readonly reportedAt: number | null;
  readonly endedAt: number | null;
}

/** An invocation of another run as a call of this one; null where nothing came of it that says anything. */
export function seenInvocation(invocation: InvocationTimes, done: Work, asked: Work): SeenCall | null {
  const { clientId, round, status, timings, invokedAt, claimedAt, reportedAt, endedAt } = invocation;
  const times = { sentMs: invokedAt, claimedMs: claimedAt, endedMs: reportedAt ?? endedAt };
  const call = { clientId, basis: "run" as const, group: `round ${round}`, ...times };
  if (timings === null || claimedAt === null || reportedAt === null) {
    const isSilent = status === "missed" && claimedAt !== null;
    return isSilent
      ? { ...call, coldMs: 0, trainMs: null, otherMs: null, warmUpMs: null, outcome: "silence" }
      : null;
  }
  const coldMs = invocation.coldStart === true ? timings.coldStartMs : 0;
  const afterClaim = coldMs - coldBefore({ sentMs: invokedAt, claimedMs: claimedAt, coldMs });
  const isTrained = status !== "failed" && status !== "cancelled";
  return {
    ...call,
    coldMs,
    trainMs: isTrained ? timings.trainMs * workRatio(done, asked) : null,
    otherMs: isTrained ? Math.max(0, reportedAt - claimedAt - afterClaim - timings.trainMs) : null,
    warmUpMs: null,
    outcome: status === "failed" ? "failure" : "update",
  };
}

/** The part of a cold start that came before the claim; the trainer loads after it. */
export function coldBefore({
  sentMs,
  claimedMs,
  coldMs,
}: Pick<SeenCall, "sentMs" | "coldMs"> & { readonly claimedMs: number }): number {
  return Math.min(coldMs, Math.max(0, claimedMs - sentMs));
}
