// Series: the columns of a block of rounds.
import type { RoundFigures } from "../schemas/figures.ts";
import type { Metrics } from "../schemas/metric.ts";
import type { Outcome } from "../schemas/round.ts";
import { type OutcomeColumns, RESULTS, type Series } from "../schemas/series.ts";

/** A round as series are made of it. */
export type SeriesRound = RoundFigures & {
  /** Absent where they are not asked for. */
  readonly outcomes?: readonly Outcome[] | undefined;
};

/** Significant digits of measures: enough to draw, and to tell two versions apart. */
const DIGITS = 6;
const COST_DIGITS = 4;

/**
 * Makes a block of its rounds, one after the other: the documents of a large cohort's rounds need not be in
 * memory together. The same rounds make the same block.
 */
export class SeriesColumns {
  readonly #rounds: Series["rounds"] = {
    round: [],
    status: [],
    closeReason: [],
    newVersion: [],
    openedAtMs: [],
    deadlineMs: [],
    extended: [],
    accuracy: [],
    loss: [],
    metrics: {},
    federated: {},
    eur: [],
    participation: [],
    invoked: [],
    inTime: [],
    late: [],
    failed: [],
    rejected: [],
    missed: [],
    coldStarts: [],
    costUsd: [],
    clientsUsd: [],
    coordinatorUsd: [],
    aggregatorUsd: [],
    evaluatorUsd: [],
    prewarmUsd: [],
    afterwardsUsd: [],
    trainingMs: [],
    aggregateMs: [],
    evaluateMs: [],
    wallMs: [],
  };
  readonly #metrics = new NamedColumns();
  readonly #federated = new NamedColumns();
  readonly #places = new Map<string, number>();
  readonly #outcomes: OutcomeColumns = {
    clients: [],
    results: [...RESULTS],
    perRound: [],
    client: [],
    result: [],
    trainMs: [],
    coldStartMs: [],
    costMicroUsd: [],
    lateAt: [],
    lateRound: [],
  };

  /** How many rounds it has. */
  get length(): number {
    return this.#rounds.round.length;
  }

  /** @param round the next one; ascending. */
  add(round: SeriesRound): void {
    const columns = this.#rounds;
    const { accuracy: _accuracy, loss: _loss, ...others } = round.metrics ?? {};
    this.#metrics.add(others, this.length);
    this.#federated.add(federatedMeans(round), this.length);
    columns.round.push(round.round);
    columns.status.push(round.status);
    columns.closeReason.push(round.closeReason);
    columns.newVersion.push(round.newVersion);
    columns.openedAtMs.push(round.openedAt);
    columns.deadlineMs.push(Math.max(0, round.deadlineAt - round.openedAt));
    columns.extended.push(round.extended);
    columns.accuracy.push(short(round.accuracy));
    columns.loss.push(short(round.loss));
    columns.eur.push(short(round.eur));
    columns.participation.push(short(round.participation?.evenness ?? null));
    for (const name of COUNTS) columns[name].push(round.counts[name]);
    columns.costUsd.push(short(round.costUsd, COST_DIGITS));
    for (const name of COSTS) columns[name].push(short(round.costs[name], COST_DIGITS));
    for (const name of TIMES) columns[name].push(whole(round.timings[name]));
    for (const outcome of round.outcomes ?? []) this.#addOutcome(outcome, round.round);
    this.#outcomes.perRound.push(round.outcomes?.length ?? 0);
  }

  #addOutcome(outcome: Outcome, round: number): void {
    const columns = this.#outcomes;
    let place = this.#places.get(outcome.clientId);
    if (place === undefined) {
      place = columns.clients.push(outcome.clientId) - 1;
      this.#places.set(outcome.clientId, place);
    }
    if (outcome.round !== round) {
      columns.lateAt.push(columns.client.length);
      columns.lateRound.push(outcome.round);
    }
    columns.client.push(place);
    columns.result.push(RESULTS.indexOf(outcome.result));
    columns.trainMs.push(whole(outcome.trainMs));
    columns.coldStartMs.push(whole(outcome.coldStartMs));
    columns.costMicroUsd.push(short(outcome.costUsd * 1e6, COST_DIGITS));
  }

  /** The block as far as rounds were added. */
  series(about: Pick<Series, "runId" | "block" | "final">, withOutcomes: boolean): Series {
    const metrics = this.#metrics.columns(this.length);
    const federated = this.#federated.columns(this.length);
    const rounds = { ...this.#rounds, metrics, federated };
    return { ...about, rounds, ...(withOutcomes ? { outcomes: this.#outcomes } : {}) };
  }
}

const COUNTS = ["invoked", "inTime", "late", "failed", "rejected", "missed", "coldStarts"] as const;
const COSTS = [
  "clientsUsd",
  "coordinatorUsd",
  "aggregatorUsd",
  "evaluatorUsd",
  "prewarmUsd",
  "afterwardsUsd",
] as const;
const TIMES = ["trainingMs", "aggregateMs", "evaluateMs", "wallMs"] as const;

/** Columns whose names the rounds bring: a round without a name has null there. */
class NamedColumns {
  readonly #columns = new Map<string, (number | null)[]>();

  /** @param at the place of the round. */
  add(values: Metrics, at: number): void {
    for (const [name, value] of Object.entries(values)) {
      const column = this.#columns.get(name) ?? [];
      while (column.length < at) column.push(null);
      column.push(short(value));
      this.#columns.set(name, column);
    }
  }

  columns(length: number): Record<string, (number | null)[]> {
    const filled = [...this.#columns].map(([name, column]): [string, (number | null)[]] => {
      const missing = new Array<null>(length - column.length).fill(null);
      return [name, [...column, ...missing]];
    });
    return Object.fromEntries(filled);
  }
}

function federatedMeans({ federated }: SeriesRound): Metrics {
  if (federated === undefined) return {};
  return Object.fromEntries(Object.entries(federated.metrics).map(([name, { mean }]) => [name, mean]));
}

function short(value: number, digits?: number): number;
function short(value: number | null, digits?: number): number | null;
function short(value: number | null, digits = DIGITS): number | null {
  return value === null ? null : Number(value.toPrecision(digits));
}

function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}
