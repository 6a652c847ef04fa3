// The coordinator's environment.
import * as z from "zod";
import { taskVariables, variables } from "../../shared/cloud/env.ts";

export const CoordinatorEnv = z.object({
  ...taskVariables,
  CLIENT_QUEUE: variables.CLIENT_QUEUE,
  CLIENT_TASK_INVOKER: variables.CLIENT_TASK_INVOKER,
  AGGREGATOR_URL: variables.AGGREGATOR_URL,
  SIGN_BLOB_ENDPOINT: variables.SIGN_BLOB_ENDPOINT,
});
export type CoordinatorEnv = z.infer<typeof CoordinatorEnv>;
