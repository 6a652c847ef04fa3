// `selection` in a run's spec: one member for each strategy, with its own options. Unknown keys are errors.
import { z } from "zod";
import { RandomOptions } from "./random.ts";

export const SelectionOptions = z
  .discriminatedUnion("strategy", [RandomOptions])
  .meta({ id: "SelectionOptions" });
export type SelectionOptions = z.infer<typeof SelectionOptions>;
