// The mean over the seeds of every cell that differs in nothing else, beside what others measured.
import type { Row } from "../cell.ts";
import { type Measured, measuredAt, type Published } from "../scenario/scenario.ts";

export interface Compared {
  readonly ours: number;
  /** Null where it is not known. */
  readonly reference: number | null;
}

export interface Summary {
  readonly scenario: string;
  readonly strategy: string;
  readonly paperFaithful: boolean;
  readonly stragglers: number;
  readonly seeds: number;
  readonly eur: Compared;
  readonly timeMinutes: Compared;
  readonly costUsd: Compared;
  readonly accuracy: Compared | null;
  readonly bias: number;
  readonly lateUsed: number;
}

/** @param published by scenario. */
export function summarise(
  rows: readonly Row[],
  published: ReadonlyMap<string, Published>,
): readonly Summary[] {
  const groups = Map.groupBy(rows, ({ scenario, strategy, paperFaithful, stragglers }) =>
    JSON.stringify([scenario, strategy, paperFaithful, stragglers]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [summaryOf(first, group, published.get(first.scenario))];
  });
}

function summaryOf(first: Row, rows: readonly Row[], published: Published | undefined): Summary {
  const { scenario, strategy, paperFaithful, stragglers } = first;
  const mean = (value: (row: Row) => number) => rows.reduce((sum, row) => sum + value(row), 0) / rows.length;
  const compared = (measure: keyof Measured): Compared => ({
    ours: mean((row) => row[measure] ?? 0),
    reference: measuredAt(published, strategy, stragglers, measure),
  });
  return {
    scenario,
    strategy,
    paperFaithful,
    stragglers,
    seeds: rows.length,
    eur: compared("eur"),
    timeMinutes: compared("timeMinutes"),
    costUsd: compared("costUsd"),
    accuracy: rows.some(({ accuracy }) => accuracy === null) ? null : compared("accuracy"),
    bias: mean(({ bias }) => bias),
    lateUsed: mean(({ lateUsed }) => lateUsed),
  };
}
