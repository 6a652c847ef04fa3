// What is believed of a run before it starts: how long everything takes, how sure that is, and what it was
// told from. Nothing is drawn here.
import type { EstimateBasis } from "../../../shared/core/schemas/estimate.ts";
import {
  coldBefore,
  type Evidence,
  type EvidencedClient,
  type SeenCall,
  stepsOf,
  type Work,
} from "./evidence.ts";
import { placesSeen, startLatencies } from "./places.ts";
import { type Believed, type Pooled, pool, type Usual, usual } from "./pooling.ts";
import {
  USUAL_COLD,
  USUAL_IDLE_MS,
  USUAL_START_MS,
  USUAL_WARM_UP_MS,
  usualEvaluatorMs,
  usualOtherMs,
  usualOwn,
} from "./usualTimes.ts";

export interface BelievedClient extends EvidencedClient {
  readonly basis: EstimateBasis;
  /** Its training in a round. */
  readonly train: Believed;
  /** The rest of a call. */
  readonly other: Believed;
  readonly updates: number;
  readonly failures: number;
  readonly silences: number;
}

/** What everything of one kind has in common in a run, beyond what is known of it: the sd of its logarithm. */
export interface Beliefs {
  readonly clients: readonly BelievedClient[];
  /** From call to call of one client. */
  readonly callSd: number;
  /** From round to round, of all its calls. */
  readonly roundSd: number;
  /** How much longer a call takes that starts cold, its start aside: what a process does once. */
  readonly warmUp: Usual;
  readonly coldBefore: Usual;
  readonly coldAfter: Usual;
  /** From when a call is sent, and there is a place for it, until its claim. */
  readonly start: Usual;
  /** Calls that are served at once; null: as many as there are. */
  readonly places: number | null;
  readonly idleMs: number;
  readonly own: {
    readonly aggregate: Usual;
    readonly aggregatorBilled: Usual;
    readonly openDelay: Usual;
    readonly openBilled: Usual;
    /** Null: not known. */
    readonly evaluatorBilled: Usual | null;
    readonly preparationMs: Usual;
  };
  readonly sources: {
    readonly start: EstimateBasis;
    readonly cold: EstimateBasis;
    readonly places: EstimateBasis;
    readonly own: EstimateBasis;
    readonly evaluator: EstimateBasis | null;
  };
}

/** The run that is asked about, as far as its times depend on it. */
export interface AskedRun {
  readonly work: Work;
  readonly cohort: number;
  readonly modelBytes: number;
  /** Of one sample, forward. */
  readonly flops: number;
  readonly isScored: boolean;
}

/**
 * How far a whole run may be off what was seen, as the sd of a logarithm: machines, regions and days differ.
 * 0.25 is a factor of 1.4 either way in four of five runs, 0.8 one of 2.8.
 */
export const RUN_SD: Readonly<Record<EstimateBasis, number>> = {
  run: 0.25,
  check: 0.35,
  others: 0.35,
  option: 0.35,
  model: 0.8,
  default: 0.6,
};
/** From call to call, and round to round, where too little was seen. */
const [USUAL_CALL_SD, USUAL_ROUND_SD] = [0.25, 0.15];
/** Rounds that the usual sd counts for. */
const ROUND_WEIGHT = 3;

export function beliefsOf(evidence: Evidence, run: AskedRun): Beliefs {
  const { calls, like } = evidence;
  const places = evidence.places ?? placesSeen(calls);
  const warmUp = warmUpOf(calls);
  const warmed = calls.map((call) => warmOf(call, warmUp.medianMs));
  const other = pool(timesBy(warmed, ({ otherMs }) => otherMs));
  const train = pool(timesBy(warmed, ({ trainMs }) => trainMs));
  const starts = usual(startLatencies(calls, places));
  const basis = calls.some((call) => call.basis === "run") ? "run" : "check";
  const byClient = Map.groupBy(calls, ({ clientId }) => clientId);
  const trainedSamples = usualSamples(evidence);
  return {
    clients: evidence.clients.map((client) =>
      believedClient(client, byClient.get(client.clientId) ?? [], { train, other, trainedSamples }, run),
    ),
    callSd: train?.callSd ?? USUAL_CALL_SD,
    roundSd: roundSdOf(warmed, other),
    warmUp,
    ...coldStarts(calls),
    start: starts ?? atRate(USUAL_START_MS),
    places,
    idleMs: USUAL_IDLE_MS,
    own: ownTimes(evidence, run, other),
    sources: {
      start: starts === null ? "default" : basis,
      cold: calls.some(({ coldMs }) => coldMs > 0) ? basis : "default",
      places: evidence.places !== null ? "option" : places === null ? "default" : basis,
      own: like === null || like.rounds.length === 0 ? "default" : "run",
      evaluator: !run.isScored
        ? null
        : like?.rounds.some(({ evaluatorUsd }) => evaluatorUsd > 0) === true
          ? "run"
          : evidence.testSamples === null
            ? null
            : "option",
    },
  };
}

function believedClient(
  client: EvidencedClient,
  own: readonly SeenCall[],
  { train, other, trainedSamples }: Others,
  { work, modelBytes }: AskedRun,
): BelievedClient {
  const count = (outcome: SeenCall["outcome"]) => own.filter((call) => call.outcome === outcome).length;
  const trained = own.filter(({ trainMs }) => trainMs !== null);
  const usualOther: Believed = { medianMs: usualOtherMs(modelBytes), sd: RUN_SD.default };
  const counts = { updates: count("update"), failures: count("failure"), silences: count("silence") };
  const others = { other: other?.of(client.clientId) ?? usualOther };
  if (train !== null) {
    const seen = trained.some(({ basis }) => basis === "run")
      ? "run"
      : trained.length > 0
        ? "check"
        : "others";
    const believed = train.of(client.clientId);
    const scale =
      seen !== "others" || trainedSamples === null || client.samples === null || client.samples === 0
        ? 1
        : client.samples / trainedSamples;
    return {
      ...client,
      ...counts,
      ...others,
      basis: seen,
      train: { ...believed, medianMs: believed.medianMs * scale },
    };
  }
  // Nothing is known but arithmetic; without a number of samples, a middling one, and more doubt.
  const samples = client.samples ?? USUAL_SAMPLES;
  const medianMs = (stepsOf(samples, work) * work.stepMs) / client.capacity.vcpu;
  const sd = client.samples === null ? UNKNOWN_SAMPLES_SD : 0;
  return { ...client, ...counts, ...others, basis: "model", train: { medianMs, sd } };
}

const USUAL_SAMPLES = 1_000;
/** A factor of 3.6 either way in four of five. */
const UNKNOWN_SAMPLES_SD = 1;

/** What is known of all clients together. */
interface Others {
  readonly train: Pooled | null;
  readonly other: Pooled | null;
  /** Samples of those whose training was seen, on average; null where that is not known. */
  readonly trainedSamples: number | null;
}

function usualSamples({ calls, clients }: Evidence): number | null {
  const trained = new Set(calls.flatMap(({ clientId, trainMs }) => (trainMs === null ? [] : [clientId])));
  const logs = clients.flatMap(({ clientId, samples }) =>
    trained.has(clientId) && samples !== null && samples > 0 ? [Math.log(samples)] : [],
  );
  return logs.length === 0 ? null : Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length);
}

function timesBy(
  calls: readonly SeenCall[],
  timeOf: (call: SeenCall) => number | null,
): ReadonlyMap<string, readonly number[]> {
  const times = new Map<string, number[]>();
  for (const call of calls) {
    const ms = timeOf(call);
    if (ms !== null) times.set(call.clientId, [...(times.get(call.clientId) ?? []), ms]);
  }
  return times;
}

/**
 * A cold call is not only late: its code is compiled, its first steps are recorded. That is how much longer
 * cold calls took than warm ones. Where all were cold it is what checks measured, and a half of the rest of a
 * call.
 */
function warmUpOf(calls: readonly SeenCall[]): Usual {
  const times = (isCold: boolean) =>
    calls.flatMap((call) => (call.coldMs > 0 === isCold ? (onceMsWithin(call) ?? []) : []));
  const [cold, warm] = [usual(times(true)), usual(times(false))];
  if (cold !== null && warm !== null) {
    return { ...cold, medianMs: Math.max(LEAST_WARM_UP_MS, cold.medianMs - warm.medianMs) };
  }
  const measured = usual(
    calls.flatMap(({ coldMs, warmUpMs, otherMs }) =>
      coldMs > 0 && warmUpMs !== null && otherMs !== null ? [warmUpMs + COLD_SHARE * otherMs] : [],
    ),
  );
  return measured ?? atRate(USUAL_WARM_UP_MS);
}
const LEAST_WARM_UP_MS = 1;
/** Of what a cold call does beside training, as much is done for the first time. */
const COLD_SHARE = 0.5;

/** Of a call, the part that warming up is in: all, or where steps were timed apart all but those. */
function onceMsWithin({ trainMs, otherMs, warmUpMs }: SeenCall): number | null {
  if (otherMs === null) return null;
  if (warmUpMs !== null) return otherMs + warmUpMs;
  return trainMs === null ? null : otherMs + trainMs;
}

/** A cold call as a warm one would have been. */
function warmOf(call: SeenCall, warmUpMs: number): SeenCall {
  const { trainMs, otherMs } = call;
  const within = onceMsWithin(call);
  if (call.coldMs === 0 || otherMs === null || within === null) return call;
  if (call.warmUpMs !== null) {
    return { ...call, otherMs: Math.min(otherMs, Math.max(LEAST_WARM_SHARE * otherMs, within - warmUpMs)) };
  }
  const left = Math.max(LEAST_WARM_SHARE, 1 - warmUpMs / Math.max(1, within));
  return { ...call, trainMs: trainMs === null ? null : trainMs * left, otherMs: otherMs * left };
}
/** Of a cold call's work, at the least this is not for the first time. */
const LEAST_WARM_SHARE = 0.2;

function coldStarts(calls: readonly SeenCall[]): Pick<Beliefs, "coldBefore" | "coldAfter"> {
  const cold = calls.flatMap(({ coldMs, claimedMs, sentMs }) =>
    coldMs > 0 && claimedMs !== null ? [{ coldMs, beforeMs: coldBefore({ sentMs, claimedMs, coldMs }) }] : [],
  );
  return {
    coldBefore: usual(cold.map(({ beforeMs }) => beforeMs)) ?? atRate(USUAL_COLD.beforeMs),
    coldAfter: usual(cold.map(({ coldMs, beforeMs }) => coldMs - beforeMs)) ?? atRate(USUAL_COLD.afterMs),
  };
}

function atRate(medianMs: number): Usual {
  return { medianMs, sd: RUN_SD.default, callSd: USUAL_CALL_SD };
}

/**
 * How much the calls of one round have in common, beyond chance: what the means of rounds vary more than
 * those of so many calls would.
 */
function roundSdOf(calls: readonly SeenCall[], other: Pooled | null): number {
  if (other === null) return USUAL_ROUND_SD;
  const residuals = calls.flatMap((call) =>
    call.basis === "check" || call.otherMs === null
      ? []
      : [
          {
            group: call.group,
            value: Math.log(Math.max(1, call.otherMs) / other.of(call.clientId).medianMs),
          },
        ],
  );
  let [sum, rounds] = [0, 0];
  for (const group of Map.groupBy(residuals, (one) => one.group).values()) {
    const mean = group.reduce((total, { value }) => total + value, 0) / group.length;
    sum += Math.max(0, mean ** 2 - other.callSd ** 2 / group.length);
    rounds += 1;
  }
  return Math.sqrt((sum + ROUND_WEIGHT * USUAL_ROUND_SD ** 2) / (rounds + ROUND_WEIGHT));
}

/** Of a 2nd-gen function with one vCPU and so much memory, at list prices: what its time is told from. */
const USD_PER_MS = { gib2: 29e-9, gibHalf: 25.25e-9 } as const;
const USD_PER_CALL = 0.4e-6;
/** Time is billed in whole steps: on average half of one more than it took. */
const BILLED_STEP_MS = 100;

/** What a call took that cost so much; null of none. */
function msOfUsd(usd: number, usdPerMs: number): number | null {
  return usd <= 0 ? null : Math.max(1, (usd - USD_PER_CALL) / usdPerMs - BILLED_STEP_MS / 2);
}

/**
 * In the run that was seen, or else as is usual, times how much slower than usual the clients' calls were:
 * then the platform is.
 */
function ownTimes(
  { like, testSamples, calls }: Evidence,
  run: AskedRun,
  other: Pooled | null,
): Beliefs["own"] {
  const slowness =
    other === null ? 1 : (overallMs(calls, other) / usualOtherMs(run.modelBytes)) ** SHARED_SLOWNESS;
  const standard = usualOwn({ modelBytes: run.modelBytes, updates: run.cohort });
  const rounds = like?.rounds ?? [];
  const seen = (timeOf: (round: LikeRound) => number | null, usualMs: number): Usual =>
    usual(rounds.flatMap((round) => positive(timeOf(round)))) ?? atRate(usualMs * slowness);
  return {
    aggregate: seen(({ aggregateMs }) => aggregateMs, standard.aggregateMs),
    aggregatorBilled: seen(
      ({ aggregatorUsd }) => msOfUsd(aggregatorUsd, USD_PER_MS.gib2),
      standard.aggregatorBilledMs,
    ),
    openDelay: seen(({ openDelayMs }) => openDelayMs, standard.openDelayMs),
    openBilled: seen(
      ({ coordinatorUsd }) => msOfUsd(coordinatorUsd, USD_PER_MS.gibHalf),
      standard.openBilledMs,
    ),
    evaluatorBilled: evaluatorTime(like, testSamples, run, slowness),
    preparationMs:
      usual(positive(msOfUsd(like?.preparationUsd ?? 0, USD_PER_MS.gib2))) ??
      atRate(standard.preparationMs * slowness),
  };
}

/** Clients' calls and these functions use the same database and bucket; their machines may differ. */
const SHARED_SLOWNESS = 0.75;

type LikeRound = NonNullable<Evidence["like"]>["rounds"][number];

function evaluatorTime(
  like: Evidence["like"],
  testSamples: number | null,
  { flops, isScored }: AskedRun,
  slowness: number,
): Usual | null {
  if (!isScored) return null;
  const seen = usual(
    (like?.rounds ?? []).flatMap(({ evaluatorUsd }) => positive(msOfUsd(evaluatorUsd, USD_PER_MS.gib2))),
  );
  if (seen !== null && like !== null) {
    const more = like.sameModel ? 0 : RUN_SD.model;
    return { ...seen, medianMs: seen.medianMs * like.modelRatio, sd: Math.hypot(seen.sd, more) };
  }
  return testSamples === null ? null : atRate(usualEvaluatorMs(flops, testSamples) * slowness);
}

function positive(ms: number | null): readonly number[] {
  return ms !== null && ms > 0 ? [ms] : [];
}

function overallMs(calls: readonly SeenCall[], other: Pooled): number {
  const ids = [...new Set(calls.map(({ clientId }) => clientId))];
  const logs = ids.map((clientId) => Math.log(other.of(clientId).medianMs));
  return Math.exp(logs.reduce((sum, value) => sum + value, 0) / Math.max(1, logs.length));
}
