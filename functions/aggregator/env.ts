// The aggregator's environment.
import * as z from "zod";
import { taskVariables, variables } from "../../shared/cloud/env.ts";

export const AggregatorEnv = z.object({
  ...taskVariables,
  AGGREGATOR_URL: variables.AGGREGATOR_URL,
});
export type AggregatorEnv = z.infer<typeof AggregatorEnv>;
