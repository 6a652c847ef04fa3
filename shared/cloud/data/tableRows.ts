// The rows of a table of any format as they are written, without a features file: for what looks at a table,
// or writes it anew.
import type { TableFeatures } from "../../core/data/features.ts";
import type { DataFile } from "./files.ts";
import { tableFormatOf } from "./openData.ts";
import type { ParquetType } from "./parquet.ts";
import type { RawRows } from "./rows.ts";

export interface TableRows {
  readonly format: NonNullable<TableFeatures["format"]>;
  /** Between the fields of CSV. */
  readonly delimiter: string;
  /** Of the first file, where the format says what columns hold; null where it does not. */
  readonly types: ReadonlyMap<string, ParquetType> | null;
  /** Columns that are not read, each with the reason. */
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
  /** All rows of all files, in order, as often as they are asked for. Takes the memory of a block. */
  blocks(): AsyncIterable<RawRows>;
}

/**
 * @param roomBytes for what must be held at once, such as a row group
 * @throws FlError("invalid-argument") where the format is not known, or a file has another
 */
export async function openTableRows(
  files: readonly DataFile[],
  { format: given, delimiter: by }: Pick<TableFeatures, "format" | "delimiter">,
  roomBytes: number,
): Promise<TableRows> {
  const format = tableFormatOf(files, given);
  const plain = { format, delimiter: by ?? (format === "tsv" ? "\t" : ","), types: null, unreadable: [] };
  switch (format) {
    case "csv":
    case "tsv": {
      const { csvRows } = await import("./csv.ts");
      return { ...plain, blocks: () => inTurn(files, (file) => csvRows(file, plain.delimiter)) };
    }
    case "jsonl": {
      const { jsonRows } = await import("./jsonLines.ts");
      return { ...plain, blocks: () => inTurn(files, jsonRows) };
    }
    case "parquet": {
      const { parquetTable } = await import("./parquet.ts");
      const [first] = files;
      if (first === undefined) throw new RangeError("no files");
      const { columns, unreadable } = await parquetTable(first, roomBytes);
      return {
        ...plain,
        types: new Map(columns.map(({ name, type }) => [name, type])),
        unreadable,
        blocks: () =>
          inTurn(files, async function* (file) {
            yield* (await parquetTable(file, roomBytes)).rows();
          }),
      };
    }
  }
}

async function* inTurn(
  files: readonly DataFile[],
  rowsOf: (file: DataFile) => AsyncIterable<RawRows>,
): AsyncGenerator<RawRows> {
  for (const file of files) yield* rowsOf(file);
}
