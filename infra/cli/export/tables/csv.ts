// Rows as CSV (RFC 4180), of which no cell is a formula where a spreadsheet opens it.
import type { Cell, ColumnShape } from "./columns.ts";

/** The line of names. */
export function csvHeader(columns: readonly ColumnShape[]): string {
  return csvLine(columns.map(({ name }) => quoted(name)));
}

/** One line; what is not known is empty, and a moment is ISO 8601. */
export function csvRow(columns: readonly ColumnShape[], cells: readonly Cell[]): string {
  return csvLine(columns.map(({ type }, i) => shown(type, cells[i] ?? null)));
}

function csvLine(fields: readonly string[]): string {
  return `${fields.join(",")}\r\n`;
}

function shown(type: ColumnShape["type"], cell: Cell): string {
  if (cell === null) return "";
  if (type === "instant" && typeof cell === "number") return new Date(cell).toISOString();
  return typeof cell === "string" ? quoted(harmless(cell)) : String(cell);
}

/**
 * Spreadsheets take a cell that begins with one of these for a formula, which may send what is beside it
 * elsewhere (CWE-1236); an apostrophe in front makes it text. Numbers stay numbers: they come from none of
 * the texts.
 */
function harmless(text: string): string {
  return /^\s*[=+\-@]|^[\t\r\n]/.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
