// Metrics by their names: which there are, with which losses they make sense, and which of two scores is
// better.
import * as z from "zod";
import type { Loss } from "./loss.ts";

/** Metrics that every score has where the loss knows them, and those that a run asks for by name. */
export const BUILTIN_METRICS = [
  "loss",
  "accuracy",
  "binaryAccuracy",
  "auc",
  "precision",
  "recall",
  "f1",
  "perplexity",
  "meanAbsoluteError",
  "rootMeanSquaredError",
  "r2",
] as const;
type NamedMetric = (typeof BUILTIN_METRICS)[number];

/** `top5Accuracy` and its like: the share of labels that are among the k largest outputs. */
const TOP_K = /^top([1-9]\d{0,3})Accuracy$/;

/** The k of `top<k>Accuracy`; null for another metric. */
export function topOf(metric: string): number | null {
  const digits = TOP_K.exec(metric)?.[1];
  return digits === undefined ? null : Number(digits);
}

export function isBuiltinMetric(name: string): boolean {
  return BUILTIN_METRICS.some((metric) => metric === name) || topOf(name) !== null;
}

/** Other names that Keras and scikit-learn have for them, in small letters without underscores. */
const ALIASES: ReadonlyMap<string, NamedMetric> = new Map([
  ["acc", "accuracy"],
  ["categoricalaccuracy", "accuracy"],
  ["sparsecategoricalaccuracy", "accuracy"],
  ["f1score", "f1"],
  ["mae", "meanAbsoluteError"],
  ["rmse", "rootMeanSquaredError"],
  ["r2score", "r2"],
  ...BUILTIN_METRICS.map((name) => [name.toLowerCase(), name] as const),
]);

/** A metric in any of the ways that Keras writes it: mean_absolute_error, MeanAbsoluteError, mae. */
export function writtenMetric(written: unknown): unknown {
  if (typeof written !== "string") return written;
  const plain = written.replaceAll("_", "").toLowerCase();
  const top = /^top([1-9]\d{0,3})(?:categorical)?accuracy$/.exec(plain)?.[1];
  return top === undefined ? (ALIASES.get(plain) ?? written) : `top${top}Accuracy`;
}

/** A built-in metric, or one of the trainer of a federation's own. */
export const MetricName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,39}$/, "use 1 to 40 letters, digits and _ . - after a letter, such as f1")
  .meta({ id: "MetricName" });

/** The built-in metrics, for messages. */
export const THERE_ARE = `there are ${[...BUILTIN_METRICS, "top5Accuracy (any number for 5)"].join(", ")}`;

export const BuiltinMetric = MetricName.refine(isBuiltinMetric, { error: `is not built in; ${THERE_ARE}` });

/** Metrics in one score at most. */
export const MAX_METRICS = 32;

/** A score: metrics by name. */
export const Metrics = z
  .record(MetricName, z.number())
  .refine((metrics) => Object.keys(metrics).length <= MAX_METRICS, `at most ${MAX_METRICS} metrics`)
  .meta({ id: "Metrics", description: "Metrics by name; none is there that could not be computed." });
export type Metrics = z.infer<typeof Metrics>;

/** A metric of a score; null where the score does not have it. */
export function metricIn(metrics: Metrics, name: string): number | null {
  // A name such as "constructor" is a metric's only where somebody has put it there.
  return Object.hasOwn(metrics, name) ? (metrics[name] ?? null) : null;
}

export const Direction = z.enum(["higher", "lower"]);
export type Direction = z.infer<typeof Direction>;

const LOWER_IS_BETTER: ReadonlySet<string> = new Set<NamedMetric>([
  "loss",
  "perplexity",
  "meanAbsoluteError",
  "rootMeanSquaredError",
]);

/** What is better, of a built-in metric. */
export function builtinDirection(metric: string): Direction {
  return LOWER_IS_BETTER.has(metric) ? "lower" : "higher";
}

/** What a loss compares: one of several classes, yes or no for each output, or numbers. */
export type TargetKind = "classes" | "binary" | "numbers";

const KINDS: Readonly<Record<Loss, TargetKind>> = {
  sparseCategoricalCrossentropy: "classes",
  categoricalCrossentropy: "classes",
  kullbackLeiblerDivergence: "classes",
  binaryCrossentropy: "binary",
  hinge: "binary",
  meanSquaredError: "numbers",
  meanAbsoluteError: "numbers",
  huber: "numbers",
  poisson: "numbers",
};

export function targetKind(loss: Loss): TargetKind {
  return KINDS[loss];
}

/** Whether versions scored with this loss have an accuracy: of numbers there is no share that is right. */
export function hasAccuracy(loss: Loss): boolean {
  return targetKind(loss) !== "numbers";
}

const KINDS_OF: Readonly<Record<Exclude<NamedMetric, "loss">, readonly TargetKind[]>> = {
  accuracy: ["classes", "binary"],
  binaryAccuracy: ["binary"],
  auc: ["classes", "binary"],
  precision: ["classes", "binary"],
  recall: ["classes", "binary"],
  f1: ["classes", "binary"],
  perplexity: ["classes"],
  meanAbsoluteError: ["numbers"],
  rootMeanSquaredError: ["numbers"],
  r2: ["numbers"],
};

/** Why a built-in metric makes no sense with a loss; null where it does. */
export function whyNotWith(metric: string, loss: Loss): string | null {
  if (metric === "loss") return null;
  const kinds: readonly TargetKind[] =
    topOf(metric) === null ? KINDS_OF[metric as Exclude<NamedMetric, "loss">] : ["classes"];
  if (!kinds.includes(targetKind(loss))) {
    return `with ${loss} there is no ${metric}`;
  }
  if (metric === "auc" && loss === "hinge") return "auc needs outputs from 0 to 1, and hinge has others";
  if (metric === "perplexity" && loss === "kullbackLeiblerDivergence") {
    return "perplexity is of a cross-entropy, and kullbackLeiblerDivergence is none";
  }
  return null;
}

interface EvaluationFields {
  readonly metric?: string | undefined;
  readonly direction?: Direction | undefined;
}

interface MetricSpec {
  readonly training: { readonly loss: Loss };
  readonly evaluation?: EvaluationFields | undefined;
  readonly stop?: { readonly target?: { readonly metric: string } | undefined } | undefined;
}

/** The metric that a run names, for its best version or its target, else accuracy where its loss has one. */
export function metricOf({ evaluation, stop, training }: MetricSpec): string {
  return evaluation?.metric ?? stop?.target?.metric ?? (hasAccuracy(training.loss) ? "accuracy" : "loss");
}

/** Whether more of the run's metric is better, or less. */
export function directionOf(spec: MetricSpec): Direction {
  const metric = metricOf(spec);
  return isBuiltinMetric(metric) ? builtinDirection(metric) : (spec.evaluation?.direction ?? "higher");
}

export interface Score {
  /** Null where the loss knows none: of numbers there is no share that is right. */
  readonly accuracy: number | null;
  /** Null in a document of 0.1, which did not keep the best version's. */
  readonly loss: number | null;
  /** Absent in documents of 0.1. */
  readonly metrics?: Metrics | undefined;
}

/** A metric of a stored score; null where it has none. */
export function scoreOf(score: Score, metric: string): number | null {
  if (metric === "accuracy") return score.accuracy;
  if (metric === "loss") return score.loss;
  return metricIn(score.metrics ?? {}, metric);
}

/**
 * Shares of samples are counted exactly; what is closer than this differs by the arithmetic of a division
 * only.
 */
const SAME_SHARE = 1e-9;

/**
 * Which of two scores is the better one: below zero for the first, above for the second, 0 where they are
 * equal. A score without the metric is the worse one. Of equal ones the lower loss wins.
 */
export function compareScores(a: Score, b: Score, metric: string, direction: Direction): number {
  if (metric !== "loss") {
    const worst = direction === "higher" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    const [first, second] = [scoreOf(a, metric) ?? worst, scoreOf(b, metric) ?? worst];
    if (first !== second && Math.abs(second - first) > SAME_SHARE) {
      return direction === "higher" ? Math.sign(second - first) : Math.sign(first - second);
    }
  }
  const [first, second] = [a.loss ?? Number.POSITIVE_INFINITY, b.loss ?? Number.POSITIVE_INFINITY];
  return first === second ? 0 : Math.sign(first - second);
}
