// What a client tells of the reading of its data: how many rows there were, and how many were left out for
// which reason. Counts and positions only, never a value.
import * as z from "zod";

/**
 * Why a row is left out. bad-syntax: the row cannot be parsed · wrong-columns: another number of fields than
 * the header, or a column that is missing · missing-value · not-a-number: or one that float32 cannot hold ·
 * not-in-vocabulary · wrong-size: a list, an image or a text of another size than the features file says ·
 * unreadable-image · not-a-class: a label outside 0..classes-1 · too-long: a row above the bound of one
 * row.
 */
export const ROW_FAULTS = [
  "bad-syntax",
  "wrong-columns",
  "missing-value",
  "not-a-number",
  "not-in-vocabulary",
  "wrong-size",
  "unreadable-image",
  "not-a-class",
  "too-long",
] as const;
export type RowFault = (typeof ROW_FAULTS)[number];

const Count = z.number().int().min(0).max(1e12);

export const DataFacts = z
  .strictObject({
    rows: Count.describe("All rows that were read, those left out included."),
    refused: z
      .array(
        z.strictObject({
          reason: z
            .string()
            .regex(/^[a-z-]{1,40}$/)
            .describe(`Such as ${ROW_FAULTS.slice(0, 4).join(", ")}.`),
          rows: Count,
          firstRow: Count.describe("Position of the first of them among all rows, counted from 0."),
        }),
      )
      .max(32)
      .describe("Rows that could not be used, by reason."),
    dropped: Count.describe("Rows left out because the owner's features file says so."),
  })
  .meta({ id: "DataFacts" });
export type DataFacts = z.infer<typeof DataFacts>;
