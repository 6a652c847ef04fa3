// The charts of a simulation as Vega-Lite specs: data in, data out.
import type { TopLevelSpec } from "vega-lite";
import type { Cell, CellResult, RoundPoint } from "../cell.ts";
import { nameOf } from "../report/summaryTable.ts";
import { measuredAt, type Published } from "../scenario/scenario.ts";

export interface Chart {
  /** The name of its file, without an ending. */
  readonly name: string;
  readonly spec: TopLevelSpec;
}

type Measure = "eur" | "timeMinutes" | "costUsd" | "accuracy";

const measures: readonly { readonly measure: Measure; readonly name: string; readonly title: string }[] = [
  { measure: "eur", name: "eur", title: "effective update ratio" },
  { measure: "timeMinutes", name: "time", title: "minutes" },
  { measure: "costUsd", name: "cost", title: "USD" },
  { measure: "accuracy", name: "accuracy", title: "accuracy" },
];

/** A point of a line: the mean over the seeds after a round. */
interface LinePoint {
  readonly strategy: string;
  readonly stragglers: string;
  readonly round: number;
  readonly value: number;
}

/**
 * For one scenario: a chart of each measure over the rounds, a panel for each share of stragglers, with the
 * published end values as dashed rules; and of the first seed's cohorts, which tiers and clusters they came
 * from.
 */
export function chartsOf(
  cells: readonly Cell[],
  results: readonly CellResult[],
  published: Published | undefined,
): readonly Chart[] {
  const runs = cells.flatMap((cell, i) => {
    const result = results[i];
    return result === undefined ? [] : [{ cell, points: result.points }];
  });
  const lines = measures.flatMap(({ measure, name, title }) => {
    const points = linesOf(runs, measure);
    return points.length === 0
      ? []
      : [{ name, spec: lineChart(title, points, rulesOf(cells, published, measure)) }];
  });
  return [...lines, { name: "clusters", spec: clusterChart(runs) }];
}

interface SimulatedCell {
  readonly cell: Cell;
  readonly points: readonly RoundPoint[];
}

function linesOf(runs: readonly SimulatedCell[], measure: Measure): readonly LinePoint[] {
  const values = new Map<string, { readonly point: Omit<LinePoint, "value">; readonly values: number[] }>();
  for (const { cell, points } of runs) {
    for (const point of points) {
      const value = point[measure];
      if (value === null) continue;
      const at = { strategy: nameOf(cell), stragglers: percent(cell.stragglers), round: point.round };
      const key = JSON.stringify(at);
      const known = values.get(key);
      if (known === undefined) values.set(key, { point: at, values: [value] });
      else known.values.push(value);
    }
  }
  return [...values.values()].map(({ point, values: all }) => ({
    ...point,
    value: all.reduce((sum, value) => sum + value, 0) / all.length,
  }));
}

/** What others measured at the end of their runs, of the strategies that were simulated. */
function rulesOf(cells: readonly Cell[], published: Published | undefined, measure: Measure) {
  const seen = new Map(cells.map((cell) => [JSON.stringify([nameOf(cell), cell.stragglers]), cell]));
  return [...seen.values()].flatMap((cell) => {
    const value = measuredAt(published, cell.strategy, cell.stragglers, measure);
    return value === null ? [] : [{ strategy: nameOf(cell), stragglers: percent(cell.stragglers), value }];
  });
}

function percent(share: number): string {
  return `${Math.round(100 * share)} % stragglers`;
}

const panel = { width: 260, height: 180 } as const;

function lineChart(title: string, points: readonly LinePoint[], rules: readonly object[]): TopLevelSpec {
  const y = { field: "value", type: "quantitative", title, scale: { zero: false } } as const;
  const color = { field: "strategy", type: "nominal", title: null } as const;
  return {
    data: { values: [...points, ...rules.map((rule) => ({ ...rule, published: true }))] },
    facet: { field: "stragglers", type: "nominal", title: null, sort: null },
    columns: 3,
    spec: {
      ...panel,
      layer: [
        {
          transform: [{ filter: "datum.published !== true" }],
          mark: { type: "line" },
          encoding: { x: { field: "round", type: "quantitative", title: "round" }, y, color },
        },
        {
          transform: [{ filter: "datum.published === true" }],
          mark: { type: "rule", strokeDash: [4, 4], opacity: 0.6 },
          encoding: { y, color },
        },
      ],
    },
  };
}

function clusterChart(runs: readonly SimulatedCell[]): TopLevelSpec {
  const [first] = runs;
  const values = runs
    .filter(({ cell }) => cell.seed === first?.cell.seed)
    .flatMap(({ cell, points }) =>
      points.flatMap(({ round, groups }) =>
        Object.entries(groups).map(([group, clients]) => ({
          strategy: nameOf(cell),
          stragglers: percent(cell.stragglers),
          round,
          group,
          clients,
        })),
      ),
    );
  return {
    data: { values },
    facet: {
      column: { field: "stragglers", type: "nominal", title: null, sort: null },
      row: { field: "strategy", type: "nominal", title: null, sort: null },
    },
    spec: {
      ...panel,
      mark: { type: "bar", binSpacing: 0 },
      encoding: {
        x: { field: "round", type: "ordinal", title: "round", axis: { labelOverlap: true, labelAngle: 0 } },
        y: { field: "clients", type: "quantitative", title: "clients of the cohort" },
        color: { field: "group", type: "nominal", title: "from" },
      },
    },
  };
}
