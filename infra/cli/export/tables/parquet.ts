// Rows as a Parquet file, a group of rows at a time.
import type { BasicType, ColumnSource } from "hyparquet-writer";
import type { Cell, ColumnShape, ColumnType, TableFile } from "./columns.ts";

/** Rows that are held in memory at once. */
const GROUP_ROWS = 50_000;

const TYPES: Readonly<Record<ColumnType, BasicType>> = {
  text: "STRING",
  whole: "INT64",
  number: "DOUBLE",
  flag: "BOOLEAN",
  instant: "TIMESTAMP",
};

/**
 * Opens a new file. Loaded when it is needed.
 *
 * @param groupRows how many rows a group has, and wait in memory
 */
export async function openParquet(
  path: string,
  columns: readonly ColumnShape[],
  groupRows = GROUP_ROWS,
): Promise<TableFile> {
  const { ParquetWriter, fileWriter, schemaFromColumnData } = await import("hyparquet-writer");
  let rows: (readonly Cell[])[] = [];
  const sources = (): ColumnSource[] =>
    columns.map(({ name, type }, i) => ({
      name,
      type: TYPES[type],
      nullable: true,
      data: rows.map((row) => parquetValue(type, row[i] ?? null)),
    }));
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: schemaFromColumnData({ columnData: sources() }),
    createdBy: "fedstratus",
  });
  const flush = async () => {
    await writer.write({ columnData: sources(), rowGroupSize: groupRows });
    rows = [];
  };
  return {
    async add(cells) {
      rows.push(cells);
      if (rows.length === groupRows) await flush();
    },
    async finish() {
      if (rows.length > 0) await flush();
      await writer.finish();
    },
  };
}

function parquetValue(type: ColumnType, cell: Cell): unknown {
  if (cell === null) return null;
  if (type === "instant" && typeof cell === "number") return new Date(cell);
  return type === "whole" && typeof cell === "number" ? BigInt(Math.round(cell)) : cell;
}
