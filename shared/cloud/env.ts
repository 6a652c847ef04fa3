// Every environment variable that a function reads, in one place: its name, its form and what it is for.
import * as z from "zod";
import { FlError } from "../core/errors.ts";
import { MAX_LABELS_TOLD } from "../core/schemas/labelCounts.ts";
import { inPlainWords, plainProblems } from "../core/schemas/plainProblems.ts";

const url = z.url({ protocol: /^https?$/, error: "must be an http(s) address" });
const atMost = z.coerce.number().int().min(1).optional();
const name = z.string().min(1, "must not be empty");
const memoryOf = (name: string) =>
  z.coerce
    .number()
    .int()
    .min(128)
    .optional()
    .describe(`Memory of the ${name}, to refuse models that it cannot hold when a run is created.`);
const dataAddress = z.string().regex(/^(gs|file):\/\/.+/, "must begin with gs:// or file://");
const flag = z
  .enum(["true", "false"])
  .transform((value) => value === "true")
  .optional();

/** One variable each. A function's `env.ts` picks those it needs; Terraform sets the same ones. */
export const variables = {
  GOOGLE_CLOUD_PROJECT: name.describe("The project that everything of this deployment is in."),
  FIRESTORE_DATABASE: name.describe("The Firestore database; `(default)` is a name, too."),
  MODEL_BUCKET: name.describe("The bucket of model versions and updates."),
  TASKS_LOCATION: name.describe("The region of the task queues."),
  CONTROL_QUEUE: name.describe("The queue of the protocol's own transitions."),
  CLIENT_QUEUE: name.describe("The queue of calls to clients."),
  TASK_INVOKER: z
    .email()
    .describe("The service account whose token the queue that calls this function sends."),
  CLIENT_TASK_INVOKER: z.email().describe("The service account whose token the client queue sends."),
  OPERATORS: z
    .string()
    .transform((list) => list.split(",").map((email) => email.trim().toLowerCase()))
    .pipe(z.array(z.email()).min(1))
    .describe("Who may call the api: e-mail addresses, separated by commas."),
  API_URL: url.describe("The api's address: the audience of its callers' tokens."),
  COORDINATOR_URL: url.describe("The coordinator's address."),
  AGGREGATOR_URL: url.describe("The aggregator's address."),
  EVALUATOR_URL: url.describe("The evaluator's address."),
  CLIENT_URL: url.describe("This client function's own address, as it is registered."),
  CLIENT_DATA: dataAddress.describe(
    "Where a client's data set lies: a file, a folder, a pattern with * or a prefix; {clientId} stands for the client's name, {data} for the data set that a run names.",
  ),
  CLIENT_FEATURES: dataAddress
    .optional()
    .describe(
      "The features file of a client's data set, with the same placeholders; without it, arrays x and y.",
    ),
  LINK_ORIGIN: url
    .default("https://storage.googleapis.com")
    .describe("The only server that a client follows a coordinator's links to."),
  MAX_EPOCHS: atMost.describe("Owner's bound: the most local epochs that a run may ask for."),
  MAX_BATCH_SIZE: atMost.describe("Owner's bound: the largest batch that a run may ask for."),
  MAX_TOPOLOGY_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(32 * 2 ** 20)
    .describe("Owner's bound: the largest topology that is read."),
  MAX_TRAIN_SECONDS: atMost.describe(
    "Owner's bound: after so long training stops, and the work done so far is sent.",
  ),
  MAX_LABEL_COUNTS: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_LABELS_TOLD)
    .optional()
    .describe(
      "Owner's consent: where a run asks how many samples have each label, it is told, of so many labels at the most; never where absent.",
    ),
  EVALUATION_DATA: dataAddress.describe(
    "The data set that model versions are scored on; {data} stands for the data set that a run names.",
  ),
  EVALUATION_FEATURES: dataAddress
    .optional()
    .describe("The features file of that data set; without it, arrays x and y."),
  TENSORS: z.enum(["auto", "native", "portable"]).default("auto").describe("Which TensorFlow to load."),
  REQUIRE_NATIVE_TENSORS: flag.describe(
    "Whether to refuse to work without native TensorFlow, rather than many times slower.",
  ),
  CALLERS_CHECKED_BY_REGION: flag.describe(
    "Whether the region checks every caller's token, and may then remove its signature. Set by Terraform where only known accounts may call.",
  ),
  TRAINER: z.enum(["tensorflow", "test"]).default("tensorflow").describe("`test` trains without TensorFlow."),
  MEMORY_MIB: z.coerce
    .number()
    .int()
    .min(128)
    .describe("Memory of an instance, to compute costs and to refuse data that it cannot hold."),
  AGGREGATOR_MEMORY_MIB: memoryOf("aggregator"),
  EVALUATOR_MEMORY_MIB: memoryOf("evaluator"),
  VCPU: z.coerce
    .number()
    .min(0.08)
    .describe("vCPUs of an instance, to compute costs and for TensorFlow's threads."),
  STORAGE_API_ENDPOINT: url.optional().describe("Local cloud only: its Cloud Storage."),
  CLOUD_TASKS_EMULATOR_HOST: name.optional().describe("Local cloud only: its Cloud Tasks."),
  OIDC_CERTS_URL: url.optional().describe("Local cloud only: the keys of its identity tokens."),
  SIGN_BLOB_ENDPOINT: url.optional().describe("Local cloud only: its signBlob."),
} as const;

/** What every function of the deployment's own project reads. */
export const projectVariables = {
  GOOGLE_CLOUD_PROJECT: variables.GOOGLE_CLOUD_PROJECT,
  FIRESTORE_DATABASE: variables.FIRESTORE_DATABASE,
  MODEL_BUCKET: variables.MODEL_BUCKET,
  TASKS_LOCATION: variables.TASKS_LOCATION,
  CONTROL_QUEUE: variables.CONTROL_QUEUE,
  COORDINATOR_URL: variables.COORDINATOR_URL,
  EVALUATOR_URL: variables.EVALUATOR_URL,
  CALLERS_CHECKED_BY_REGION: variables.CALLERS_CHECKED_BY_REGION,
  STORAGE_API_ENDPOINT: variables.STORAGE_API_ENDPOINT,
  CLOUD_TASKS_EMULATOR_HOST: variables.CLOUD_TASKS_EMULATOR_HOST,
  OIDC_CERTS_URL: variables.OIDC_CERTS_URL,
} as const;

/** What those of them read that tasks call, and that charge their calls to a run. */
export const taskVariables = {
  ...projectVariables,
  TASK_INVOKER: variables.TASK_INVOKER,
  MEMORY_MIB: variables.MEMORY_MIB,
  VCPU: variables.VCPU,
} as const;

/** What a function with TensorFlow reads. */
export const tensorVariables = {
  TENSORS: variables.TENSORS,
  REQUIRE_NATIVE_TENSORS: variables.REQUIRE_NATIVE_TENSORS,
  TRAINER: variables.TRAINER,
} as const;

/**
 * The variables of `schema`, parsed and frozen.
 *
 * @throws FlError("failed-precondition") that lists every variable that is missing or malformed, without
 *   its value.
 */
export function readEnv<T>(
  schema: z.ZodType<T>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): T {
  const parsed = schema.safeParse(env, inPlainWords);
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = plainProblems(parsed.error);
  const list = problems.map(({ path, message }) => `${path} ${message}`).join("; ");
  throw new FlError("failed-precondition", `The function's environment is not complete: ${list}.`, {
    problems,
  });
}
