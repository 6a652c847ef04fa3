// Looks at the rows of a table: how many there are, and what each column holds.
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import { openTableRows } from "../../../shared/cloud/data/tableRows.ts";
import type { TableFeatures } from "../../../shared/core/data/features.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { DataFacts } from "../../../shared/core/schemas/dataFacts.ts";
import { ROOM_BYTES } from "../ownersFiles.ts";
import { MISSING } from "../values.ts";
import { type ColumnProfile, ColumnProfiler } from "./columnProfile.ts";

export interface TableLook {
  readonly format: string;
  readonly facts: DataFacts;
  /** Whether all rows were looked at. */
  readonly isAll: boolean;
  readonly columns: readonly ColumnProfile[];
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
}

/**
 * @param most rows to look at; null for all
 * @throws FlError("invalid-argument") where the table cannot be read, or has no rows
 */
export async function inspectTable(
  files: readonly DataFile[],
  features: TableFeatures | undefined,
  most: number | null,
  signal: AbortSignal,
): Promise<TableLook> {
  const table = await openTableRows(files, features ?? {}, ROOM_BYTES);
  const missing = features === undefined ? MISSING : new Set(features.missingValues);
  const tally = new RowTally();
  const profilers = new Map<string, ColumnProfiler>();
  let [looked, count] = [0, 0];
  let isAll = true;
  look: for await (const { names, rows } of table.blocks()) {
    signal.throwIfAborted();
    for (const name of names) {
      if (profilers.has(name)) continue;
      const profiler = new ColumnProfiler(name, missing);
      profiler.skip(count);
      profilers.set(name, profiler);
    }
    const ofBlock = names.map((name) => profilers.get(name));
    const absent = [...profilers].filter(([name]) => !names.includes(name)).map(([, profiler]) => profiler);
    for (const row of rows) {
      if (looked === most) {
        isAll = false;
        break look;
      }
      looked++;
      const isFault = typeof row === "string";
      tally.count(isFault ? row : null);
      if (isFault) continue;
      count++;
      for (const [i, profiler] of ofBlock.entries()) profiler?.add(row[i]);
      for (const profiler of absent) profiler.skip(1);
    }
  }
  if (looked === 0) {
    throw new FlError("invalid-argument", "There is nothing to look at: the table has no rows.");
  }
  return {
    format: table.format,
    facts: tally.facts(),
    isAll,
    columns: [...profilers.values()].map((profiler) => profiler.profile()),
    unreadable: table.unreadable,
  };
}
