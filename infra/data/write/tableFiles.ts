// Rows of a table, written to one of several files in any of the formats that tables are read from.
import type { ParquetType } from "../../../shared/cloud/data/parquet.ts";
import type { TableFeatures } from "../../../shared/core/data/features.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Cell, ColumnType, TableFile } from "../../cli/export/tables/columns.ts";
import { appendMany } from "./appendMany.ts";

export type TableFormat = NonNullable<TableFeatures["format"]>;

export interface TableShape {
  readonly format: TableFormat;
  /** Between the fields of CSV. */
  readonly delimiter: string;
  readonly names: readonly string[];
  /** What columns hold, for Parquet; texts where it is not known. */
  readonly types: ReadonlyMap<string, ParquetType> | null;
}

export interface TableFiles {
  /**
   * @param names of the values, some of the table's; the same list for rows that have the same
   * @param line the row as it was written, where the format stays and a row is a line
   * @throws FlError("invalid-argument") for a value that the format cannot hold, naming its column
   */
  add(file: number, names: readonly string[], row: readonly unknown[], line?: string): Promise<void>;
  finish(): Promise<void>;
}

/** Opens new files. */
export async function openTableFiles(paths: readonly string[], shape: TableShape): Promise<TableFiles> {
  if (shape.format === "parquet") return openParquetFiles(paths, shape);
  const files = await appendMany(paths);
  const { names: columns, delimiter, format } = shape;
  if (format === "jsonl") {
    return {
      add: (file, names, row, line) => files.append(file, `${line ?? jsonLine(names, row)}\n`),
      finish: () => files.finish(),
    };
  }
  for (const file of paths.keys()) await files.append(file, csvLine(columns, delimiter));
  const place = placing(columns);
  return {
    add: (file, names, row) => {
      const ordered = place(names, row);
      return files.append(
        file,
        csvLine(
          ordered.map((value, i) => csvText(value, columns[i])),
          delimiter,
        ),
      );
    },
    finish: () => files.finish(),
  };
}

/** Puts the values of a row into the order of the table's columns. */
function placing(columns: readonly string[]) {
  let [known, places]: [readonly string[] | null, readonly number[]] = [null, []];
  return (names: readonly string[], row: readonly unknown[]): readonly unknown[] => {
    if (known !== names) {
      const at = new Map(names.map((name, i) => [name, i]));
      [known, places] = [names, columns.map((name) => at.get(name) ?? -1)];
    }
    return places.map((i) => row[i]);
  };
}

function csvLine(fields: readonly string[], delimiter: string): string {
  // A line of one empty field would be no line.
  if (fields.length === 1 && fields[0] === "") return '""\n';
  return `${fields.map((field) => csvField(field, delimiter)).join(delimiter)}\n`;
}

function csvField(field: string, delimiter: string): string {
  const isPlain = !/["\r\n]/.test(field) && !field.includes(delimiter) && !field.startsWith("\ufeff");
  return isPlain ? field : `"${field.replaceAll('"', '""')}"`;
}

function csvText(value: unknown, column = ""): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  throw new FlError(
    "invalid-argument",
    `The column ${JSON.stringify(column)} holds lists or objects, which CSV cannot: write .jsonl.`,
  );
}

function jsonLine(names: readonly string[], row: readonly unknown[]): string {
  const fields = names.flatMap((name, i) =>
    row[i] === undefined ? [] : [`${JSON.stringify(name)}:${jsonText(row[i])}`],
  );
  return `{${fields.join(",")}}`;
}

/** With whole numbers of any size, and the arrays that readers of Parquet give. */
export function jsonText(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (ArrayBuffer.isView(value) && "length" in value)
    return jsonText(Array.from(value as unknown as ArrayLike<unknown>));
  return JSON.stringify(value) ?? "null";
}

const CELLS: Readonly<Record<ParquetType, ColumnType | null>> = {
  whole: "whole",
  number: "number",
  text: "text",
  flag: "flag",
  list: null,
};

/** Rows that wait in memory, of all files together, and of one at the least. */
const [WAITING_ROWS, LEAST_GROUP] = [50_000, 1_000];

async function openParquetFiles(
  paths: readonly string[],
  { names: columns, types }: TableShape,
): Promise<TableFiles> {
  const shapes = columns.map((name) => {
    const type = CELLS[types?.get(name) ?? "text"];
    if (type !== null) return { name, type };
    throw new FlError(
      "invalid-argument",
      `The column ${JSON.stringify(name)} holds lists, which are not written as Parquet: write .jsonl.`,
    );
  });
  const { openParquet } = await import("../../cli/export/tables/parquet.ts");
  const groupRows = Math.max(LEAST_GROUP, Math.floor(WAITING_ROWS / paths.length));
  const files: TableFile[] = [];
  for (const path of paths) files.push(await openParquet(path, shapes, groupRows));
  const place = placing(columns);
  return {
    async add(file, names, row) {
      await files[file]?.add(place(names, row).map((value, i) => cellOf(value, shapes[i]?.type)));
    },
    async finish() {
      for (const file of files) await file.finish();
    },
  };
}

function cellOf(value: unknown, type: ColumnType = "text"): Cell {
  if (value === undefined || value === null) return null;
  if (type === "text") return typeof value === "string" ? value : csvText(value);
  // Whole numbers of 64 bits pass through to the writer as they are.
  return value as Cell;
}
