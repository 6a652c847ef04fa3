// The rows of a table of any format as they are written, without a features file: for what looks at a table,
// or writes it anew.
import type { TableFeatures } from "../../core/data/features.ts";
import { quoteName } from "../../core/updates/safetensors.ts";
import { badFile, type DataFile } from "./files.ts";
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
 * @param repeats whether a file may have several columns of one name; who writes rows by their columns' names
 *   would lose all of them but one
 * @throws FlError("invalid-argument") where the format is not known, or a file has another; and its blocks
 *   where names repeat that may not
 */
export async function openTableRows(
  files: readonly DataFile[],
  { format: given, delimiter: by }: Pick<TableFeatures, "format" | "delimiter">,
  roomBytes: number,
  repeats: "allowed" | "refused",
): Promise<TableRows> {
  const format = tableFormatOf(files, given);
  const plain = { format, delimiter: by ?? (format === "tsv" ? "\t" : ","), types: null, unreadable: [] };
  switch (format) {
    case "csv":
    case "tsv": {
      const { csvRows } = await import("./csv.ts");
      return { ...plain, blocks: () => inTurn(files, repeats, (file) => csvRows(file, plain.delimiter)) };
    }
    case "jsonl": {
      const { jsonRows } = await import("./jsonLines.ts");
      return { ...plain, blocks: () => inTurn(files, repeats, jsonRows) };
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
          inTurn(files, repeats, async function* (file) {
            yield* (await parquetTable(file, roomBytes)).rows();
          }),
      };
    }
  }
}

async function* inTurn(
  files: readonly DataFile[],
  repeats: "allowed" | "refused",
  rowsOf: (file: DataFile) => AsyncIterable<RawRows>,
): AsyncGenerator<RawRows> {
  for (const file of files) {
    let known: readonly string[] = [];
    for await (const block of rowsOf(file)) {
      if (repeats === "refused" && block.names !== known) requireNamesApart(block.names, file);
      known = block.names;
      yield block;
    }
  }
}

/** As many names in a message. */
const MOST_NAMES = 5;

function requireNamesApart(names: readonly string[], file: DataFile): void {
  if (new Set(names).size === names.length) return;
  const repeated = [...Map.groupBy(names, (name) => name)].filter(([, { length }]) => length > 1);
  const listed = repeated.slice(0, MOST_NAMES).map(([name, { length }]) => `${length} ${quoteName(name)}`);
  const more = repeated.length > MOST_NAMES ? ` and ${repeated.length - MOST_NAMES} more names` : "";
  throw badFile(
    file,
    `several of its columns have the same name (${listed.join(", ")}${more}): give each a name of its own`,
  );
}
