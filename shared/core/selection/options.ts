// `selection` in a run's spec: one member for each strategy, with its own options. Unknown keys are errors.
import * as z from "zod";
import { FedlesscanOptions } from "./fedlesscan/options.ts";
import { RandomOptions } from "./random.ts";

export const SelectionOptions = z
  .discriminatedUnion("strategy", [RandomOptions, FedlesscanOptions])
  .meta({ id: "SelectionOptions" });
export type SelectionOptions = z.infer<typeof SelectionOptions>;
