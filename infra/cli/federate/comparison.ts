// The scores of one model trained centrally, locally and federated, over several seeds: the mean of each, and
// how far seeds and clients lie apart.
import type { Baselines, Scores } from "./baselines.ts";

/** The mean over seeds, and their sample standard deviation (0 for one seed). */
export interface Figure {
  readonly mean: number;
  readonly deviation: number;
}

/** How a model was trained, and its scores by metric. */
export interface Way {
  readonly way: string;
  readonly scores: Readonly<Record<string, Figure>>;
}

export interface Comparison {
  readonly metrics: readonly string[];
  readonly seeds: readonly number[];
  readonly ways: readonly Way[];
}

/** One seed's scores. */
export interface Trial extends Baselines {
  readonly seed: number;
  readonly federated: Scores;
}

/** Of trials of the same clients, at least one. Metrics that not all ways have are left out. */
export function comparisonOf(trials: readonly Trial[]): Comparison {
  const clientIds = Object.keys(trials[0]?.local ?? {});
  const metrics = Object.keys(trials[0]?.federated ?? {}).filter((name) =>
    trials.every(({ central, local, federated }) =>
      [central, federated, ...Object.values(local)].every((scores) => scores[name] !== undefined),
    ),
  );
  const way = (text: string, scoreOf: (trial: Trial, metric: string) => number): Way => ({
    way: text,
    scores: Object.fromEntries(
      metrics.map((metric) => [metric, figureOf(trials.map((trial) => scoreOf(trial, metric)))]),
    ),
  });
  const localScores = ({ local }: Trial, metric: string) =>
    Object.values(local).map((scores) => scores[metric] ?? Number.NaN);
  return {
    metrics,
    seeds: trials.map(({ seed }) => seed),
    ways: [
      way("all data in one place", ({ central }, metric) => central[metric] ?? Number.NaN),
      way(`each client alone, mean of ${clientIds.length}`, (trial, metric) =>
        mean(localScores(trial, metric)),
      ),
      way("federated", ({ federated }, metric) => federated[metric] ?? Number.NaN),
    ],
  };
}

/** As a table in Markdown, which is easy to read as it is. */
export function comparisonLines({ metrics, ways, seeds }: Comparison): readonly string[] {
  return [
    `| trained on | ${metrics.join(" | ")} |`,
    `|---|${metrics.map(() => "---").join("|")}|`,
    ...ways.map(
      ({ way, scores }) => `| ${way} | ${metrics.map((name) => textOf(scores[name])).join(" | ")} |`,
    ),
    "",
    seeds.length === 1
      ? `Seed ${seeds[0]}.`
      : `Mean ± standard deviation over the seeds ${seeds.join(", ")}.`,
  ];
}

function textOf(figure: Figure | undefined): string {
  if (figure === undefined) return "–";
  const digits = Math.abs(figure.mean) < 10 ? 3 : 1;
  const spread = figure.deviation === 0 ? "" : ` ± ${figure.deviation.toFixed(digits)}`;
  return `${figure.mean.toFixed(digits)}${spread}`;
}

function figureOf(values: readonly number[]): Figure {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return { mean: middle, deviation: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
