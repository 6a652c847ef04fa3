// `selection` in a run's spec: one member for each strategy, with its own options. Unknown keys are errors.
import * as z from "zod";
import { selectionOptions } from "../registry/selectionFaces.ts";

export const SelectionOptions = z
  .discriminatedUnion("strategy", selectionOptions)
  .meta({ id: "SelectionOptions" });
export type SelectionOptions = z.infer<typeof SelectionOptions>;

/**
 * Whether a run is to do what its strategy's paper and code do, also where that is not the scheduler's own
 * affair.
 */
export function isPublished(selection: SelectionOptions): boolean {
  return "paperFaithful" in selection && selection.paperFaithful;
}
