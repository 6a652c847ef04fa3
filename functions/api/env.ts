// The api's environment.
import * as z from "zod";
import { projectVariables, variables } from "../../shared/cloud/env.ts";

export const ApiEnv = z.object({
  ...projectVariables,
  TASK_INVOKER: variables.TASK_INVOKER,
  OPERATORS: variables.OPERATORS,
  API_URL: variables.API_URL,
  AGGREGATOR_MEMORY_MIB: variables.AGGREGATOR_MEMORY_MIB,
  EVALUATOR_MEMORY_MIB: variables.EVALUATOR_MEMORY_MIB,
  SIGN_BLOB_ENDPOINT: variables.SIGN_BLOB_ENDPOINT,
});
export type ApiEnv = z.infer<typeof ApiEnv>;
