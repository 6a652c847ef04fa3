// Looks at the rows of a table: how many there are, and what each column holds.
import { badFile, type DataFile } from "../../../shared/cloud/data/files.ts";
import { openTableRows } from "../../../shared/cloud/data/tableRows.ts";
import type { TableFeatures } from "../../../shared/core/data/features.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
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
  const table = await openTableRows(files, features ?? {}, ROOM_BYTES, "allowed");
  const missing = features === undefined ? MISSING : new Set(features.missingValues);
  const tally = new RowTally();
  const profilers = new Map<string, ColumnProfiler>();
  let [looked, count] = [0, 0];
  let isAll = true;
  look: for await (const { names, rows } of table.blocks()) {
    signal.throwIfAborted();
    const keys = keysOf(names);
    for (const [i, key] of keys.entries()) {
      if (profilers.has(key)) continue;
      const profiler = new ColumnProfiler(names[i] ?? "", missing);
      profiler.skip(count);
      profilers.set(key, profiler);
    }
    const ofBlock = keys.map((key) => profilers.get(key));
    const there = new Set(keys);
    const absent = [...profilers].filter(([key]) => !there.has(key)).map(([, profiler]) => profiler);
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
  const [first] = files;
  if (looked === 0 && first !== undefined)
    throw badFile(first, "it has no rows: there is nothing to look at");
  return {
    format: table.format,
    facts: tally.facts(),
    isAll,
    columns: [...profilers.values()].map((profiler) => profiler.profile()),
    unreadable: table.unreadable,
  };
}

/** A key for each column, also where several have one name. */
function keysOf(names: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return names.map((name) => {
    const before = counts.get(name) ?? 0;
    counts.set(name, before + 1);
    return `${before} ${name}`;
  });
}
