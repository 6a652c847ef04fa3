// A table without frames that fits a width: shorter titles first, then narrower gaps, then fewer columns.
import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import { clip } from "./format.ts";

export interface Column<Row> {
  readonly title: string;
  /** For a narrow table. */
  readonly shortTitle?: string;
  readonly align: "left" | "right";
  /** When a table is too wide, the column of the highest rank goes first; those of rank 0 stay. */
  readonly rank: number;
  /** Keeps a column from jumping while its cells change. */
  readonly minWidth?: number;
  /** One line; may hold colours. */
  readonly cell: (row: Row) => string;
}

interface Layout<Row> {
  readonly columns: readonly Column<Row>[];
  readonly titles: readonly string[];
  readonly widths: readonly number[];
  readonly gap: number;
}

/** Lines of at most `width` characters: the titles, then one line a row. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): readonly string[] {
  const layout = fittingLayout(columns, rows, width);
  const table = new Table({
    head: [...layout.titles],
    colWidths: [...layout.widths],
    colAligns: layout.columns.map(({ align }) => align),
    chars: { ...NO_FRAME, middle: " ".repeat(layout.gap) },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) table.push(layout.columns.map(({ cell }) => cell(row)));
  const lines = table.toString().split("\n").map(trimEnd);
  return lines.map((line) => (widthOf(line) <= width ? line : clip(stripVTControlCharacters(line), width)));
}

/** Characters on the screen; ours are all one column wide. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

function fittingLayout<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): Layout<Row> {
  const attempts = [
    layoutOf(columns, rows, 2, false),
    layoutOf(columns, rows, 2, true),
    layoutOf(columns, rows, 1, true),
  ];
  const fitting = attempts.find((layout) => totalWidth(layout) <= width);
  if (fitting !== undefined) return fitting;
  const last = Math.max(...columns.map(({ rank }) => rank));
  const fewer = columns.filter(({ rank }) => rank < last);
  return last === 0 ? layoutOf(columns, rows, 1, true) : fittingLayout(fewer, rows, width);
}

function layoutOf<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  gap: number,
  short: boolean,
): Layout<Row> {
  const titles = columns.map(({ title, shortTitle }) => (short ? (shortTitle ?? title) : title));
  const widths = columns.map(({ minWidth = 1, cell }, k) =>
    Math.max(minWidth, widthOf(titles[k] ?? ""), ...rows.map((row) => widthOf(cell(row)))),
  );
  return { columns, titles, widths, gap };
}

function totalWidth<Row>({ widths, gap }: Layout<Row>): number {
  return widths.reduce((sum, width) => sum + width, 0) + gap * (widths.length - 1);
}

/** Blanks after the last column would wrap on a terminal that has become narrower. */
function trimEnd(line: string): string {
  return line.replace(/ +$/, "");
}

const NO_FRAME = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
};
