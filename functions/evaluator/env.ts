// The evaluator's environment.
import * as z from "zod";
import { taskVariables, tensorVariables, variables } from "../../shared/cloud/env.ts";

export const EvaluatorEnv = z.object({
  ...taskVariables,
  ...tensorVariables,
  EVALUATION_DATA: variables.EVALUATION_DATA,
  EVALUATION_FEATURES: variables.EVALUATION_FEATURES,
});
export type EvaluatorEnv = z.infer<typeof EvaluatorEnv>;
