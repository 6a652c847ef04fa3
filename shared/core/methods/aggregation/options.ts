// `aggregation` in a run's spec: one member for each method, with its own options. Unknown keys are errors.
import * as z from "zod";
import { aggregationOptions } from "../registry/aggregationFaces.ts";

export const AggregationOptions = z
  .discriminatedUnion("strategy", aggregationOptions)
  .meta({ id: "AggregationSpec" });
export type AggregationOptions = z.infer<typeof AggregationOptions>;
