// A table in a file, written row by row in one of the formats.
import type { TableFormat } from "../formats.ts";
import { openTextFile, type TextFile } from "../textFile.ts";
import type { Cell, ColumnShape, TableFile } from "./columns.ts";
import { csvHeader, csvRow } from "./csv.ts";
import { jsonLine } from "./jsonLines.ts";

/** Opens a new file. */
export async function openTable(
  format: TableFormat,
  path: string,
  columns: readonly ColumnShape[],
): Promise<TableFile> {
  switch (format) {
    case "parquet": {
      const { openParquet } = await import("./parquet.ts");
      return openParquet(path, columns);
    }
    case "csv": {
      const file = await openTextFile(path);
      await file.write(csvHeader(columns));
      return lines(file, (cells) => csvRow(columns, cells));
    }
    case "jsonl":
      return lines(await openTextFile(path), (cells) => jsonLine(columns, cells));
  }
}

function lines(file: TextFile, lineOf: (cells: readonly Cell[]) => string): TableFile {
  return { add: (cells) => file.write(lineOf(cells)), finish: () => file.close() };
}
