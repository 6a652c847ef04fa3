// Counts the rows of a data set while it is read, and those left out by reason.
import { FlError } from "../errors.ts";
import type { DataFacts, RowFault } from "../schemas/dataFacts.ts";

/** What becomes of a row: null where it is used, else why it is not. */
export type RowVerdict = RowFault | "dropped" | null;

export class RowTally {
  #rows = 0;
  #dropped = 0;
  readonly #refused = new Map<RowFault, { rows: number; firstRow: number }>();

  /** Counts the next row, and passes its verdict on. */
  count(verdict: RowVerdict): RowVerdict {
    const row = this.#rows++;
    if (verdict === "dropped") this.#dropped++;
    else if (verdict !== null) {
      const known = this.#refused.get(verdict);
      if (known === undefined) this.#refused.set(verdict, { rows: 1, firstRow: row });
      else known.rows++;
    }
    return verdict;
  }

  /** Counts rows that are all used. */
  countUsed(rows: number): void {
    this.#rows += rows;
  }

  facts(): DataFacts {
    const refused = [...this.#refused].map(([reason, counts]) => ({ reason, ...counts }));
    return { rows: this.#rows, refused: refused.toSorted((a, b) => b.rows - a.rows), dropped: this.#dropped };
  }
}

/**
 * @param where the address of the data, for the message.
 * @throws FlError("invalid-argument") with the count of every reason, when more than the share
 *   `maxRefusedShare` (0 to 1, inclusive) of the rows was refused, or when no row is left.
 */
export function checkRefused(
  { rows, refused, dropped }: DataFacts,
  maxRefusedShare: number,
  where: string,
): void {
  const refusedRows = refused.reduce((sum, one) => sum + one.rows, 0);
  const used = rows - refusedRows - dropped;
  if (used > 0 && refusedRows <= maxRefusedShare * rows) return;
  const reasons = [
    ...refused.map(({ reason, rows: count, firstRow }) => `${reason} ${count} (first: row ${firstRow})`),
    ...(dropped > 0 ? [`dropped as the features file says ${dropped}`] : []),
  ];
  const table = reasons.length === 0 ? "" : `: ${reasons.join(", ")}; rows are counted from 0`;
  const what =
    used > 0
      ? `${refusedRows} of its ${rows} rows cannot be used, more than the share maxRefusedShare = ${maxRefusedShare}`
      : `none of its ${rows} rows can be used`;
  throw new FlError("invalid-argument", `Bad data set at ${where}: ${what}${table}.`, {
    reason: "bad-data",
    told: `Bad data set: ${what}${table}.`,
  });
}
