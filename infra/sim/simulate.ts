// A whole simulation: the grid of cells that was asked for, what came of it as a table, as JSON and as plots.
import { join } from "node:path";
import { FlError } from "../../shared/core/errors.ts";
import { requireFolder, writeResult } from "../cli/files.ts";
import { type ResultPlace, requireResultPlace, screenOf, writeResultFile } from "../cli/resultPlace.ts";
import type { AccountingName } from "./accounting/accounting.ts";
import type { Cell, CellResult } from "./cell.ts";
import { simulateGrid } from "./grid.ts";
import { chartsOf } from "./plot/charts.ts";
import { renderSvg } from "./plot/renderSvg.ts";
import { ATTACKERS, type Attack } from "./population/attacks.ts";
import { createProgress } from "./report/progress.ts";
import { summarise } from "./report/summarise.ts";
import { summaryLines } from "./report/summaryTable.ts";
import { strategyNames } from "./scenario/runSpec.ts";
import type { Source } from "./source.ts";
import { loadSource, recordedSource } from "./source.ts";

export interface SimulateOptions {
  readonly scenario: readonly string[];
  readonly replay?: string;
  readonly strategy?: readonly string[];
  /** The published behaviour, the platform's default, or one after the other. */
  readonly paperFaithful: boolean | "both";
  readonly stragglers: readonly number[];
  /** Seeds 1 to this. */
  readonly seeds: number;
  readonly train: "off" | "real";
  /** In the place of the scenario's attack; that one where null or absent. */
  readonly attack?: Attack | null;
  /** The share of clients that attack, where `attack` is given. */
  readonly attackers?: number;
  readonly accounting?: AccountingName;
  /** Laid over the run's spec: what if? */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly workers: number;
  /** Where rows go, beside the table. */
  readonly result: ResultPlace;
  readonly plot?: string;
}

/** Prints the table to `out`, the progress to `err`, and writes the files that were asked for. */
export async function simulate(
  options: SimulateOptions,
  out: NodeJS.WritableStream & { readonly columns?: number },
  err: NodeJS.WritableStream,
): Promise<void> {
  requireResultPlace(options.result);
  const screen = screenOf<NodeJS.WritableStream & { readonly columns?: number }>(options.result, out, err);
  requireFolder("--plot", options.plot);
  const sources = await sourcesOf(options);
  const cells = cellsOf(sources, options);
  const progress = createProgress(cells.length, err);
  let results: readonly CellResult[];
  try {
    results = await simulateGrid(cells, options.workers, progress.step);
  } finally {
    progress.stop();
  }
  const rows = results.map(({ row }) => row);
  const published = new Map(
    sources.flatMap(({ name, published: known }) => (known === undefined ? [] : [[name, known]])),
  );
  for (const line of summaryLines(summarise(rows, published), screen.columns ?? 160))
    screen.write(`${line}\n`);
  await writeResultFile(options.result, `${JSON.stringify(rows, null, 2)}\n`);
  if (options.result.isPrinted) out.write(`${JSON.stringify(rows)}\n`);
  if (options.plot !== undefined) await writePlots(options.plot, sources, cells, results);
}

async function sourcesOf(options: SimulateOptions): Promise<readonly Source[]> {
  const { scenario, replay, attack = null, attackers = ATTACKERS } = options;
  if (replay !== undefined) {
    if (attack === null) return [await recordedSource(replay)];
    throw new FlError("invalid-argument", "A recorded run has no updates to attack: leave --attack out.");
  }
  const sources = await Promise.all(scenario.map(loadSource));
  return sources.map((source) =>
    attack === null || source.kind === "recorded"
      ? source
      : { ...source, scenario: { ...source.scenario, attack: { ...attack, share: attackers } } },
  );
}

/** Every combination, the seeds fastest. */
function cellsOf(sources: readonly Source[], options: SimulateOptions): readonly Cell[] {
  const faithful = options.paperFaithful === "both" ? [true, false] : [options.paperFaithful];
  return sources.flatMap((source) => {
    const strategies = options.strategy ?? source.strategies;
    const unknown = strategies.find((name) => !strategyNames().includes(name));
    if (unknown !== undefined) {
      const known = strategyNames().join(", ");
      throw new FlError("invalid-argument", `There is no strategy ${unknown}; there are ${known}.`);
    }
    const levels = source.kind === "recorded" ? [0] : options.stragglers;
    return strategies.flatMap((strategy) =>
      faithful.flatMap((paperFaithful) =>
        levels.flatMap((stragglers) =>
          Array.from(
            { length: options.seeds },
            (_, i): Cell => ({
              source,
              strategy,
              paperFaithful,
              stragglers,
              seed: i + 1,
              train: options.train,
              accounting: options.accounting ?? source.accounting,
              spec: options.spec,
            }),
          ),
        ),
      ),
    );
  });
}

/** One file a chart: the scenario's name, then the chart's. */
async function writePlots(
  folder: string,
  sources: readonly Source[],
  cells: readonly Cell[],
  results: readonly CellResult[],
): Promise<void> {
  for (const { name, published } of sources) {
    const places = [...cells.keys()].filter((i) => cells[i]?.source.name === name);
    const own = <T>(all: readonly T[]): T[] => places.flatMap((i) => all[i] ?? []);
    for (const { name: chart, spec } of chartsOf(own(cells), own(results), published)) {
      const file = `${name.replace(/[^a-z0-9]+/gi, "-")}-${chart}.svg`;
      await writeResult("--plot", join(folder, file), await renderSvg(spec));
    }
  }
}
