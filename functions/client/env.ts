// The client function's environment: no database, no bucket but its owner's own.
import * as z from "zod";
import { tensorVariables, variables } from "../../shared/cloud/env.ts";

export const ClientEnv = z.object({
  GOOGLE_CLOUD_PROJECT: variables.GOOGLE_CLOUD_PROJECT.optional().describe(
    "Names the traces of its log lines.",
  ),
  TASK_INVOKER: variables.TASK_INVOKER,
  COORDINATOR_URL: variables.COORDINATOR_URL,
  CLIENT_URL: variables.CLIENT_URL,
  CLIENT_DATA: variables.CLIENT_DATA,
  CLIENT_FEATURES: variables.CLIENT_FEATURES,
  MEMORY_MIB: variables.MEMORY_MIB,
  VCPU: variables.VCPU.optional().describe("vCPUs of an instance, for TensorFlow's threads."),
  LINK_ORIGIN: variables.LINK_ORIGIN,
  MAX_EPOCHS: variables.MAX_EPOCHS,
  MAX_BATCH_SIZE: variables.MAX_BATCH_SIZE,
  MAX_TOPOLOGY_BYTES: variables.MAX_TOPOLOGY_BYTES,
  MAX_TRAIN_SECONDS: variables.MAX_TRAIN_SECONDS,
  MAX_LABEL_COUNTS: variables.MAX_LABEL_COUNTS,
  ...tensorVariables,
  CALLERS_CHECKED_BY_REGION: variables.CALLERS_CHECKED_BY_REGION,
  STORAGE_API_ENDPOINT: variables.STORAGE_API_ENDPOINT,
  OIDC_CERTS_URL: variables.OIDC_CERTS_URL,
});
export type ClientEnv = z.infer<typeof ClientEnv>;
