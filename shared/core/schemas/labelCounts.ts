// How many samples of each label a client has, as its report tells it.
import * as z from "zod";

/** Labels that counts are told of at most. */
export const MAX_LABELS_TOLD = 1_000;

export const LabelCounts = z
  .array(z.number().int().min(0).max(1e12))
  .min(1)
  .max(MAX_LABELS_TOLD)
  .meta({ id: "LabelCounts" });
export type LabelCounts = z.infer<typeof LabelCounts>;

/** Shares of labels as a round's outcomes and the roster keep them: see `keptShares`. */
export const LabelShares = z
  .string()
  .max(200)
  .regex(/^([0-9a-f]{2})+$/, "use two hexadecimal digits for each label");
