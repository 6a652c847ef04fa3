// Rows as JSON Lines: one object a line, with every column in it.
import type { Cell, ColumnShape } from "./columns.ts";

/** What is not known is null, and a moment is ISO 8601. */
export function jsonLine(columns: readonly ColumnShape[], cells: readonly Cell[]): string {
  // Joined by hand, so that columns stay in order and none is lost, whatever its name.
  const fields = columns.map(({ name, type }, i) => {
    const cell = cells[i] ?? null;
    const value = type === "instant" && typeof cell === "number" ? new Date(cell).toISOString() : cell;
    return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  });
  return `{${fields.join(",")}}\n`;
}
