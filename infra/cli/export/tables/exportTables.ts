// A run's rounds and invocations as tables in a folder.
import { join } from "node:path";
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { ApiClient } from "../../apiClient.ts";
import type { TablesExport } from "../exportOptions.ts";
import { type Column, INVOCATION_COLUMNS, ROUND_COLUMNS } from "./columns.ts";
import { invocationMetricColumns, MetricNames, roundMetricColumns } from "./metrics.ts";
import { invocationsOf, roundsOf } from "./rows.ts";
import { openTable } from "./tableFile.ts";

/**
 * Writes `rounds` and `invocations` as they are asked for. Rounds are read twice where runs have metrics of
 * their own: first for the names of the columns.
 */
export async function exportTables(
  { format, tables, rounds: range }: TablesExport,
  run: Run,
  api: ApiClient,
  folder: string,
  warn: (text: string) => void,
): Promise<void> {
  const names = new MetricNames();
  for await (const round of roundsOf(api, run, range)) names.add(round);
  const file = <Row>(name: string, columns: readonly Column<Row>[]) =>
    openTable(format, join(folder, `${name}.${format}`), columns);
  if (tables.includes("rounds")) {
    const columns = [...ROUND_COLUMNS, ...roundMetricColumns(names)];
    const table = await file<Round>("rounds", columns);
    for await (const round of roundsOf(api, run, range)) {
      await table.add(columns.map(({ value }) => value(round)));
    }
    await table.finish();
  }
  if (tables.includes("invocations")) {
    const columns = [...INVOCATION_COLUMNS, ...invocationMetricColumns(names)];
    const table = await file<Invocation>("invocations", columns);
    for await (const { invocations } of invocationsOf(api, run, range, goneWarning(run, warn))) {
      for (const invocation of invocations) await table.add(columns.map(({ value }) => value(invocation)));
    }
    await table.finish();
  }
}

/** Tells once of invocations that are not kept any more. */
export function goneWarning(
  { spec }: Run,
  warn: (text: string) => void,
): (round: Round, missing: number) => void {
  let isTold = false;
  return ({ round }, missing) => {
    if (isTold) return;
    isTold = true;
    warn(
      `Round ${round} lacks ${missing} of its invocations, and later ones may: they are deleted after ${spec.keepInvocationsDays} days (keepInvocationsDays). What is left is exported.`,
    );
  };
}
