// One cell of the grid: one scenario, strategy, share of stragglers and seed; and the row that comes of it.
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import { worstDecile } from "../../shared/core/round/federated.ts";
import type { StoredRunSpec } from "../../shared/core/schemas/spec.ts";
import { type AccountingName, createAccounting } from "./accounting/accounting.ts";
import { type Learner, noLearner } from "./engine/learner.ts";
import { simulateRun } from "./engine/simulateRun.ts";
import type { ClosedRound } from "./engine/world.ts";
import type { Population } from "./population/population.ts";
import type { ScenarioAttack } from "./scenario/scenario.ts";
import { populationOf, type Source, specOf } from "./source.ts";

export interface Cell {
  readonly source: Source;
  readonly strategy: string;
  readonly paperFaithful: boolean;
  readonly stragglers: number;
  readonly seed: number;
  readonly train: "off" | "real";
  readonly accounting: AccountingName;
  /** Laid over the run's spec. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Of the simulation's time; the run's own end where absent. */
  readonly budgetMinutes?: number;
}

/** A line of the JSON file. */
export interface Row {
  readonly scenario: string;
  readonly strategy: string;
  readonly paperFaithful: boolean;
  /** The share of clients that straggle, 0..1. */
  readonly stragglers: number;
  readonly seed: number;
  readonly rounds: number;
  /** Mean over the rounds of updates in time / clients invoked. */
  readonly eur: number;
  readonly timeMinutes: number;
  readonly costUsd: number;
  /** Most minus fewest invocations of a client. */
  readonly bias: number;
  readonly lateUsed: number;
  /** Of the last version; null without training. */
  readonly accuracy: number | null;
  /** Its mean over the tenth of the honest clients that it is the lowest for; absent without training. */
  readonly worstDecile?: number;
  /** Who attacks, and how; absent where nobody does. */
  readonly attack?: ScenarioAttack;
}

/** One round of a cell, for plots; time and cost are sums up to it. */
export interface RoundPoint {
  readonly round: number;
  readonly eur: number;
  readonly timeMinutes: number;
  readonly costUsd: number;
  /** Updates that were folded. */
  readonly updates: number;
  readonly accuracy: number | null;
  /**
   * How many of the cohort each group of clients gave, or each tier where the strategy makes no groups of it.
   */
  readonly groups: Readonly<Record<string, number>>;
}

export interface CellResult {
  readonly row: Row;
  readonly points: readonly RoundPoint[];
}

/**
 * Simulates the cell. The same cell gives the same result, wherever it is computed.
 *
 * @throws FlError("failed-precondition") with the reason where not even the first round can open, such as too
 *   few clients
 */
export async function simulateCell(cell: Cell): Promise<CellResult> {
  const { source, strategy, paperFaithful, stragglers, seed } = cell;
  const spec = specOf(source, { strategy, paperFaithful, level: stragglers, seed }, cell.spec);
  const population = populationOf(source, stragglers, seed);
  const accounting = createAccounting(cell.accounting, 1_000 * source.timeoutSeconds);
  const attack = attackIn(source);
  const points: RoundPoint[] = [];
  const learner = await learnerOf(cell, spec, population);
  const onRound = ({ round, cohort, chosen }: ClosedRound) => {
    accounting.add(round, cohort);
    points.push({
      round: round.round,
      eur: round.eur ?? 0,
      timeMinutes: accounting.timeMs / 60_000,
      costUsd: accounting.costUsd,
      updates: (points.at(-1)?.updates ?? 0) + round.consumed.length,
      accuracy: null,
      groups: groupsOf(round, chosen),
    });
  };
  const { run, invocations } = await simulateRun({
    spec,
    population,
    learner,
    ...(cell.budgetMinutes === undefined ? {} : { untilMs: 60_000 * cell.budgetMinutes }),
    prices: priceTables["cloud-run-2026"],
    workFactor: isProximal(spec) ? source.proximalFactor : 1,
    ignoresBusy: paperFaithful,
    onRound,
    onSettled: (usd) => accounting.settle(usd),
    onScore: (round, accuracy) => {
      const place = points.findIndex((point) => point.round === round);
      const point = points[place];
      if (point !== undefined) points[place] = { ...point, accuracy };
    },
  });
  if (points.length === 0 && run.statusReason !== null) {
    throw new FlError(
      "failed-precondition",
      `${source.name}, seed ${seed}: no round can open: ${run.statusReason}.`,
    );
  }
  const accuracies = (await learner.clientAccuracies?.(run.evaluatedVersion ?? 0)) ?? [];
  return {
    row: {
      scenario: source.name,
      strategy,
      paperFaithful,
      stragglers,
      seed,
      rounds: points.length,
      eur: points.reduce((sum, { eur }) => sum + eur, 0) / Math.max(1, points.length),
      timeMinutes: accounting.timeMs / 60_000,
      costUsd: accounting.costUsd,
      bias: spreadOf(invocations),
      lateUsed: run.totals.late,
      accuracy: run.accuracy,
      ...(accuracies.length === 0
        ? {}
        : {
            worstDecile: worstDecile(
              accuracies.map((value) => ({ value })),
              "higher",
            ),
          }),
      ...(attack === undefined ? {} : { attack }),
    },
    points,
  };
}

function attackIn(source: Source): ScenarioAttack | undefined {
  return source.kind === "drawn" ? source.scenario.attack : undefined;
}

function isProximal({ training }: StoredRunSpec): boolean {
  return training.method === "fedprox" && training.proximalMu > 0;
}

/** @throws FlError("invalid-argument") where there is nothing to train. */
async function learnerOf(
  { source, train }: Cell,
  spec: StoredRunSpec,
  population: Population,
): Promise<Learner> {
  if (train === "off") {
    if (attackIn(source) === undefined) return noLearner(population.samples);
    throw new FlError(
      "invalid-argument",
      `${source.name} has attackers, and there are updates with --train real only.`,
    );
  }
  if (source.kind === "recorded" || source.scenario.training === undefined) {
    throw new FlError("invalid-argument", `${source.name} has no data to train on: use --train off.`);
  }
  const { fashionLearner } = await import("./training/fashionLearner.ts");
  return fashionLearner(source.scenario.training, population, spec);
}

/** Groups that a plot distinguishes, the first in the strategy's order; the others are one. */
const GROUPS_SHOWN = 5;

function groupsOf(
  { groups }: ClosedRound["round"],
  chosen: ClosedRound["chosen"],
): Readonly<Record<string, number>> {
  const shown = new Set(groups.slice(0, GROUPS_SHOWN).map(({ name }) => name));
  const counts: Record<string, number> = {};
  for (const { tier, group } of chosen) {
    const from = group === undefined ? (tier ?? "drawn") : shown.has(group) ? group : "further groups";
    counts[from] = (counts[from] ?? 0) + 1;
  }
  return counts;
}

function spreadOf(counts: readonly number[]): number {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const count of counts) {
    least = Math.min(least, count);
    most = Math.max(most, count);
  }
  return counts.length === 0 ? 0 : most - least;
}
