// A table in another format of tables: all columns, and values as they are.
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import type { ParquetType } from "../../../shared/cloud/data/parquet.ts";
import { openTableRows } from "../../../shared/cloud/data/tableRows.ts";
import type { TableFeatures } from "../../../shared/core/data/features.ts";
import { numberOfValue } from "../../../shared/core/data/rowEncoder.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
import { murmur3 } from "../../../shared/core/murmur3.ts";
import { inspectTable } from "../inspect/inspectTable.ts";
import { ROOM_BYTES } from "../ownersFiles.ts";
import { textOfValue } from "../values.ts";
import { jsonText, openTableFiles, type TableFormat } from "../write/tableFiles.ts";
import type { Converted, Parts } from "./converted.ts";
import { partOf } from "./partOf.ts";

/** As of a client that reads it without a word about it. */
const MAX_REFUSED_SHARE = 0.01;

/**
 * Reads the table twice where its format does not say what columns hold: texts of CSV that are numbers in
 * every row become numbers where the other format has them.
 */
export async function convertTable(
  files: readonly DataFile[],
  features: TableFeatures | undefined,
  { paths, share, seed, format }: Parts & { readonly format: TableFormat },
  notes: string[],
  signal: AbortSignal,
): Promise<Converted> {
  const table = await openTableRows(files, features ?? {}, ROOM_BYTES, "refused");
  notes.push(
    ...table.unreadable.map(({ name, why }) => `The column ${JSON.stringify(name)} is left out: ${why}.`),
  );
  const types = table.types ?? (await typesOf(files, signal));
  const out = await openTableFiles(paths, {
    format,
    delimiter: format === "tsv" ? "\t" : ",",
    names: [...types.keys()],
    types,
  });
  const isText = table.format === "csv" || table.format === "tsv";
  const isTyped = format === "jsonl" || format === "parquet";
  const tally = new RowTally();
  const counts = paths.map(() => 0);
  const hashOf = rowHash(seed);
  for await (const { names, rows } of table.blocks()) {
    signal.throwIfAborted();
    const kinds = names.map((name) => types.get(name) ?? "text");
    for (const row of rows) {
      const isFault = typeof row === "string";
      tally.count(isFault ? row : null);
      if (isFault) continue;
      const values = isText && isTyped ? row.map((value, i) => typedValue(value, kinds[i] ?? "text")) : row;
      const part = partOf(share < 1 ? hashOf(names, row) : 0, share);
      counts[part] = (counts[part] ?? 0) + 1;
      await out.add(part, names, values);
    }
  }
  await out.finish();
  return {
    facts: tally.facts(),
    counts,
    maxRefusedShare: MAX_REFUSED_SHARE,
    inputShape: null,
    targetShape: null,
  };
}

async function typesOf(
  files: readonly DataFile[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ParquetType>> {
  const { columns } = await inspectTable(files, undefined, null, signal);
  return new Map(
    columns.map(({ name, kind, isWhole, isCode }) => {
      if (isCode) return [name, "text"];
      if (kind === "number") return [name, isWhole ? "whole" : "number"];
      if (kind === "flag") return [name, "flag"];
      return [name, kind === "list" || kind === "other" ? "list" : "text"];
    }),
  );
}

/** A text of CSV as what its column holds; what is missing is null. */
function typedValue(value: unknown, type: ParquetType): unknown {
  if (type === "text") return value === "" ? null : value;
  if (textOfValue(value) === null) return null;
  const number = numberOfValue(value);
  return type === "flag" ? number === 1 : number;
}

/**
 * Of what a row holds, so that it stays in its part when others are added or moved: by its columns' names,
 * because files of one table may have them in different orders, or more of them further down.
 */
function rowHash(seed: number): (names: readonly string[], row: readonly unknown[]) => number {
  let known: readonly string[] | null = null;
  let columns: readonly (readonly [name: string, place: number])[] = [];
  return (names, row) => {
    if (known !== names) {
      columns = names.map((name, i) => [name, i] as const).toSorted(([a], [b]) => (a < b ? -1 : 1));
      known = names;
    }
    const there = columns.filter(([, place]) => row[place] !== undefined && row[place] !== null);
    const text = JSON.stringify([seed, ...there.map(([name, place]) => [name, jsonText(row[place])])]);
    return murmur3(new TextEncoder().encode(text), 0);
  };
}
