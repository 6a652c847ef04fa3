// The api's environment.
import * as z from "zod";
import { variables } from "../../shared/cloud/env.ts";

export const ApiEnv = z.object({
  GOOGLE_CLOUD_PROJECT: variables.GOOGLE_CLOUD_PROJECT,
  FIRESTORE_DATABASE: variables.FIRESTORE_DATABASE,
  MODEL_BUCKET: variables.MODEL_BUCKET,
  TASKS_LOCATION: variables.TASKS_LOCATION,
  CONTROL_QUEUE: variables.CONTROL_QUEUE,
  TASK_INVOKER: variables.TASK_INVOKER,
  OPERATORS: variables.OPERATORS,
  API_URL: variables.API_URL,
  COORDINATOR_URL: variables.COORDINATOR_URL,
  EVALUATOR_URL: variables.EVALUATOR_URL,
  CALLERS_CHECKED_BY_REGION: variables.CALLERS_CHECKED_BY_REGION,
  STORAGE_API_ENDPOINT: variables.STORAGE_API_ENDPOINT,
  CLOUD_TASKS_EMULATOR_HOST: variables.CLOUD_TASKS_EMULATOR_HOST,
  OIDC_CERTS_URL: variables.OIDC_CERTS_URL,
  SIGN_BLOB_ENDPOINT: variables.SIGN_BLOB_ENDPOINT,
});
export type ApiEnv = z.infer<typeof ApiEnv>;
