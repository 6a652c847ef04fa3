// The evaluator's environment.
import * as z from "zod";
import { variables } from "../../shared/cloud/env.ts";

export const EvaluatorEnv = z.object({
  GOOGLE_CLOUD_PROJECT: variables.GOOGLE_CLOUD_PROJECT,
  FIRESTORE_DATABASE: variables.FIRESTORE_DATABASE,
  MODEL_BUCKET: variables.MODEL_BUCKET,
  TASKS_LOCATION: variables.TASKS_LOCATION,
  CONTROL_QUEUE: variables.CONTROL_QUEUE,
  TASK_INVOKER: variables.TASK_INVOKER,
  COORDINATOR_URL: variables.COORDINATOR_URL,
  EVALUATOR_URL: variables.EVALUATOR_URL,
  EVALUATION_DATA: variables.EVALUATION_DATA,
  TENSORS: variables.TENSORS,
  REQUIRE_NATIVE_TENSORS: variables.REQUIRE_NATIVE_TENSORS,
  TRAINER: variables.TRAINER,
  MEMORY_MIB: variables.MEMORY_MIB,
  VCPU: variables.VCPU,
  CALLERS_CHECKED_BY_REGION: variables.CALLERS_CHECKED_BY_REGION,
  STORAGE_API_ENDPOINT: variables.STORAGE_API_ENDPOINT,
  CLOUD_TASKS_EMULATOR_HOST: variables.CLOUD_TASKS_EMULATOR_HOST,
  OIDC_CERTS_URL: variables.OIDC_CERTS_URL,
});
export type EvaluatorEnv = z.infer<typeof EvaluatorEnv>;
