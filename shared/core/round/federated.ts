// Federated evaluation: which of the clients' scores count, what a round makes of them, and what the run
// shows.
import { boundedSamples } from "../methods/aggregation/countedSamples.ts";
import {
  type ClientScore,
  type FederatedMetric,
  type FederatedScore,
  SCORE_LEFT_OUT,
  type ScoreLeftOut,
} from "../schemas/clientScore.ts";
import type { Invocation } from "../schemas/invocation.ts";
import {
  builtinDirection,
  type Direction,
  directionOf,
  isBuiltinMetric,
  MAX_METRICS,
  type Metrics,
  metricIn,
  metricOf,
  topOf,
} from "../schemas/metric.ts";
import type { Grant, ReportRequest } from "../schemas/protocol.ts";
import type { Round, UpdateId } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { scoredBy } from "../schemas/scoredBy.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";
import { evaluationOf, isBetter } from "./evaluation.ts";
import { updateKey, updateOf } from "./inbox.ts";

/** What a grant says of the score that its client is to report. */
export function scoreAsked(spec: StoredRunSpec): Pick<Grant, "evaluation"> {
  const federated = spec.evaluation?.federated;
  if (federated === undefined) return {};
  const { metrics, batchSize } = evaluationOf(spec);
  return { evaluation: { ...federated, metrics: [...metrics], batchSize } };
}

/**
 * What an invocation keeps of its report's score, or why it keeps none. A score that cannot be right is left
 * out, with the reason, and its update counts all the same.
 */
export function scoreOfReport(
  spec: StoredRunSpec,
  { baseVersion, maxSamples }: Pick<Invocation, "baseVersion" | "maxSamples">,
  {
    evaluation: score,
    evaluationLeftOut,
    result,
  }: Pick<ReportRequest, "evaluation" | "evaluationLeftOut" | "result">,
): Pick<Invocation, "evaluation" | "evaluationLeftOut"> {
  const asked = spec.evaluation?.federated;
  if (asked === undefined) {
    return score === undefined ? {} : { evaluationLeftOut: "The run does not ask its clients for scores." };
  }
  if (score === undefined) {
    return result.kind === "failure" ? {} : { evaluationLeftOut: inWords(evaluationLeftOut) };
  }
  const samples = Math.min(score.samples, maxSamples ?? Number.POSITIVE_INFINITY);
  const why = whyNotCounted({ ...score, samples }, baseVersion, asked.minSamples, leastLoss(spec));
  return why === null
    ? { evaluation: { ...score, samples } }
    : { evaluationLeftOut: `Its score is left out: ${why}.` };
}

function inWords(code: string | undefined): string {
  if (code === undefined) return "The client reported no score: its function may be of an older release.";
  const known = Object.hasOwn(SCORE_LEFT_OUT, code) ? SCORE_LEFT_OUT[code as ScoreLeftOut] : code;
  return `The client reported no score: ${known}.`;
}

function whyNotCounted(
  { version, samples, metrics }: ClientScore,
  baseVersion: number,
  minSamples: number,
  lossFrom: number,
): string | null {
  if (version !== baseVersion) return `it is of version ${version}, and the client was given ${baseVersion}`;
  if (samples < minSamples) return `it is of ${samples} samples, fewer than evaluation.federated.minSamples`;
  if (Object.keys(metrics).length === 0) return "it has no metric";
  for (const [name, value] of Object.entries(metrics)) {
    const [least, most] = name === "loss" ? [lossFrom, Number.POSITIVE_INFINITY] : rangeOf(name);
    if (value < least || value > most) return `its ${name} is not within ${least} and ${most}`;
  }
  return null;
}

/** What is 0, or 1, but for the arithmetic of 32 bits. */
const ROUNDING = 1e-3;

/**
 * The least that a loss can be: a client that reports less could make a target of the run its own. That of
 * poisson has no bound, nor has one that an owner's trainer computes.
 */
function leastLoss({ training, model, requires }: StoredRunSpec): number {
  const isOwn = "parameters" in model || requires?.trainer !== undefined;
  return isOwn || training.loss === "poisson" ? Number.NEGATIVE_INFINITY : -ROUNDING;
}

const SHARES: ReadonlySet<string> = new Set([
  "accuracy",
  "binaryAccuracy",
  "auc",
  "precision",
  "recall",
  "f1",
]);
const NEVER_NEGATIVE: ReadonlySet<string> = new Set(["meanAbsoluteError", "rootMeanSquaredError"]);

/** What a metric can be, inclusive. */
function rangeOf(name: string): readonly [number, number] {
  if (SHARES.has(name) || topOf(name) !== null) return [0, 1];
  if (NEVER_NEGATIVE.has(name)) return [0, Number.POSITIVE_INFINITY];
  if (name === "perplexity") return [1 - ROUNDING, Number.POSITIVE_INFINITY];
  return name === "r2" ? [Number.NEGATIVE_INFINITY, 1] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
}

/**
 * What the round's own clients say of its base version: those whose update the round takes as being in time
 * and does not reject. What is counted is fixed with the round's inputs, so that every aggregator of the
 * round comes to the same numbers. Undefined where there is no score.
 */
export function federatedScore(
  { spec }: Run,
  { baseVersion, inputs }: Pick<Round, "baseVersion" | "inputs">,
  cohort: readonly Invocation[],
  rejected: readonly UpdateId[],
): FederatedScore | undefined {
  const taken = new Set((inputs ?? []).map(updateKey));
  for (const update of rejected) taken.delete(updateKey(update));
  const scores = cohort
    .toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1))
    .flatMap((invocation) => {
      const update = updateOf(invocation);
      const { evaluation } = invocation;
      const counts = update !== null && taken.has(updateKey(update)) && evaluation?.version === baseVersion;
      return counts && evaluation !== undefined ? [evaluation] : [];
    });
  if (scores.length === 0) return undefined;
  const { maxSamplesRatio } = spec.aggregation;
  const metrics = namesIn(scores, spec).map((name) => {
    const direction = isBuiltinMetric(name) ? builtinDirection(name) : ownDirection(spec, name);
    return [name, overClients(scores, name, direction, maxSamplesRatio)] as const;
  });
  return {
    version: baseVersion,
    clients: scores.length,
    samples: scores.reduce((sum, { samples }) => sum + samples, 0),
    metrics: Object.fromEntries(metrics),
  };
}

/** Of metrics of the run's own only that one has a direction which the run chooses its best version by. */
function ownDirection(spec: StoredRunSpec, name: string): Direction | undefined {
  return metricOf(spec) === name ? directionOf(spec) : undefined;
}

/**
 * The metrics that a round keeps: the run's own first, then those of most clients. So that one client's
 * inventions displace nothing that others report.
 */
function namesIn(scores: readonly ClientScore[], spec: StoredRunSpec): readonly string[] {
  const counts = new Map<string, number>();
  for (const { metrics } of scores) {
    for (const name of Object.keys(metrics)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const own = metricOf(spec);
  const rank = (name: string) => (name === own ? 0 : isBuiltinMetric(name) ? 1 : 2);
  return [...counts]
    .sort(([a, of], [b, than]) => rank(a) - rank(b) || than - of || (a < b ? -1 : 1))
    .slice(0, MAX_METRICS)
    .map(([name]) => name)
    .sort();
}

function overClients(
  scores: readonly ClientScore[],
  name: string,
  direction: Direction | undefined,
  maxSamplesRatio: number,
): FederatedMetric {
  const having = scores.flatMap(({ samples, metrics }) => {
    const value = metricIn(metrics, name);
    return value === null ? [] : [{ samples, value }];
  });
  const weights = boundedSamples(
    having.map(({ samples }) => samples),
    maxSamplesRatio,
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const weighted = (of: (value: number) => number) =>
    having.reduce((sum, { value }, i) => sum + (weights[i] ?? 0) * of(value), 0) / total;
  const mean = weighted((value) => value);
  const worst = direction === undefined ? {} : { worstDecile: worstDecile(having, direction) };
  return {
    mean,
    ...worst,
    spread: Math.sqrt(weighted((value) => (value - mean) ** 2)),
    clients: having.length,
  };
}

/**
 * The mean over the worst tenth of the clients, as fair federated learning reports it: T. Li, M. Sanjabi, A.
 * Beirami and V. Smith, "Fair Resource Allocation in Federated Learning", ICLR 2020.
 */
export function worstDecile(having: readonly { readonly value: number }[], direction: Direction): number {
  const values = having.map(({ value }) => value).sort((a, b) => (direction === "higher" ? a - b : b - a));
  const worst = values.slice(0, Math.ceil(values.length / 10));
  return worst.reduce((sum, value) => sum + value / worst.length, 0);
}

/**
 * The run with the scores of a round's clients: shown, and where the run goes by them its best version is
 * chosen by them. They are of the version that the round began from.
 */
export function withFederated(
  run: Run,
  { round }: Pick<Round, "round">,
  score: FederatedScore | undefined,
): Run {
  if (score === undefined) return run;
  const shown = { ...run, federated: { ...score, round } };
  if (scoredBy(run.spec) !== "federated") return shown;
  const metrics = meansOf(score);
  const candidate = {
    version: score.version,
    accuracy: metricIn(metrics, "accuracy"),
    loss: metricIn(metrics, "loss"),
    metrics,
    round,
  };
  return isBetter(candidate, run) ? { ...shown, best: candidate } : shown;
}

/** The means of a federated score, as the score of a version. */
function meansOf({ metrics }: FederatedScore): Metrics {
  return Object.fromEntries(Object.entries(metrics).map(([name, { mean }]) => [name, mean]));
}
