// Which value each environment variable of each function has, which service each resource and each call of
// the code needs, and what must wait for what: computed from the resources themselves, not from the
// configuration.

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { valuesAt } from "../../infra/terraform/planRules.ts";
import { nodeOptions } from "../../shared/cloud/tensors/nodeOptions.ts";
import type { AppliedResource } from "./applied.ts";
import { problemsOf } from "./support.ts";

/** What no resource of a deployment says. */
export interface Expected {
  readonly requireNativeTensors: boolean;
  /** Where builds fetch TensorFlow's wheel, if not where it was pinned. */
  readonly wheelUrl?: string | undefined;
  /** The federation's, of a silo. */
  readonly coordinatorUrl?: string;
  /** Where an owner's data and their features file are in the bucket; the default where absent. */
  readonly dataPath?: string | undefined;
  readonly featuresPath?: string | undefined;
  /** What its owner bounds, as the function's environment has it. */
  readonly bounds?: Readonly<Record<string, string>>;
}

/** What is wrong with a deployment's or a silo's values, one line each. */
export function valueProblems(resources: readonly AppliedResource[], expected: Expected): readonly string[] {
  return [
    ...problemsOf(resources),
    ...environmentProblems(resources, expected),
    ...serviceProblems(resources),
    ...orderProblems(resources),
  ];
}

const ofType = (resources: readonly AppliedResource[], type: string) =>
  resources.filter((resource) => resource.type === type);
const one = (resource: AppliedResource | undefined, path: string) =>
  valuesAt(resource?.values, path.split("."))[0];

interface Deployed {
  readonly name: string;
  readonly url: string;
  readonly account: string;
  readonly callers: readonly string[];
  readonly resource: AppliedResource;
}

/** The functions by entry point, with the address that Cloud Run gives each. */
function deployed(resources: readonly AppliedResource[]): ReadonlyMap<string, Deployed> {
  return new Map(
    ofType(resources, "google_cloudfunctions2_function").map((resource) => {
      const name = String(one(resource, "name"));
      const callers = ofType(resources, "google_cloud_run_service_iam_member")
        .filter(({ values }) => values["service"] === name && values["role"] === "roles/run.invoker")
        .map(({ values }) => String(values["member"]).replace("serviceAccount:", ""));
      const client = String(one(resource, "service_config.environment_variables.CLIENT_URL"));
      // The project's number is no value of a resource: it is the one that the function's own address has.
      const own = String(
        one(resource, "service_config.environment_variables.API_URL") ??
          one(resource, "service_config.environment_variables.COORDINATOR_URL"),
      );
      const number = /-([0-9]+)\./.exec(client === "undefined" ? own : client)?.[1];
      return [
        String(one(resource, "build_config.entry_point")),
        {
          name,
          url: `https://${name}-${number}.${one(resource, "location")}.run.app`,
          account: String(one(resource, "service_config.service_account_email")),
          callers,
          resource,
        },
      ];
    }),
  );
}

function environmentProblems(resources: readonly AppliedResource[], expected: Expected): readonly string[] {
  const functions = deployed(resources);
  const bucketOf = (part: string) =>
    String(
      one(
        ofType(resources, "google_storage_bucket").find(({ address }) => address.includes(part)),
        "name",
      ),
    );
  const queueOf = (key: string) =>
    ofType(resources, "google_cloud_tasks_queue").find(({ address }) => address.includes(`["${key}"]`));
  const isSilo = functions.size === 1;
  const accounts = ofType(resources, "google_service_account");
  const accountFor = (what: string) => {
    const account = accounts.find(({ values }) => values["display_name"] === `FedStratus ${what}`);
    return `${one(account, "account_id")}@${one(account, "project")}.iam.gserviceaccount.com`;
  };
  return [...functions].flatMap(([key, { resource, callers }]) => {
    const environment = z
      .record(z.string(), z.string())
      .parse(one(resource, "service_config.environment_variables"));
    const url = (name: string) => functions.get(name)?.url;
    const memoryOf = (name: string) =>
      String(one(functions.get(name)?.resource, "service_config.available_memory")).replace("Mi", "");
    const needsTensors = key === "client" || key === "evaluator";
    const started = needsTensors ? nodeOptions(Number(memoryOf(key))) : undefined;
    const wanted: Readonly<Record<string, string | undefined>> = {
      GOOGLE_CLOUD_PROJECT: String(one(resource, "project")),
      FIRESTORE_DATABASE: String(one(ofType(resources, "google_firestore_database")[0], "name")),
      MODEL_BUCKET: bucketOf("module.models."),
      TASKS_LOCATION: String(one(queueOf("control"), "location")),
      CONTROL_QUEUE: String(one(queueOf("control"), "name")),
      CLIENT_QUEUE: String(one(queueOf("client"), "name")),
      // Of those who may call it, the account of the queue that does; the api has none, and hands on the
      // control queue's.
      TASK_INVOKER: isSilo ? callers[0] : accountFor(key === "client" ? "client-invoker" : "control-invoker"),
      CLIENT_TASK_INVOKER: accountFor("client-invoker"),
      OPERATORS: functions
        .get("api")
        ?.callers.toSorted(
          (a, b) => Number(a === accountFor("operator")) - Number(b === accountFor("operator")),
        )
        .join(","),
      API_URL: url("api"),
      COORDINATOR_URL: isSilo ? expected.coordinatorUrl : url("coordinator"),
      AGGREGATOR_URL: url("aggregator"),
      EVALUATOR_URL: url("evaluator"),
      CLIENT_URL: url("client"),
      CLIENT_DATA: `gs://${bucketOf("module.data.")}${isSilo ? "" : "/clients"}/${expected.dataPath ?? "{clientId}.safetensors"}`,
      ...(expected.featuresPath === undefined
        ? {}
        : { CLIENT_FEATURES: `gs://${bucketOf("module.data.")}/${expected.featuresPath}` }),
      EVALUATION_DATA: `gs://${bucketOf("module.data.")}/evaluation/test.safetensors`,
      MEMORY_MIB: memoryOf(key),
      AGGREGATOR_MEMORY_MIB: memoryOf("aggregator"),
      EVALUATOR_MEMORY_MIB: memoryOf("evaluator"),
      VCPU: String(one(resource, "service_config.available_cpu")),
      REQUIRE_NATIVE_TENSORS: String(expected.requireNativeTensors),
      CALLERS_CHECKED_BY_REGION: "true",
      NODE_OPTIONS: started,
      ...expected.bounds,
    };
    const unset = [
      ...Object.keys(expected.bounds ?? {}),
      ...(started === undefined ? [] : ["NODE_OPTIONS"]),
    ].filter((name) => !Object.hasOwn(environment, name));
    const building = z
      .record(z.string(), z.string())
      .nullish()
      .parse(one(resource, "build_config.environment_variables"));
    const toBuild = needsTensors
      ? {
          REQUIRE_NATIVE_TENSORS: String(expected.requireNativeTensors),
          ...(expected.wheelUrl === undefined ? {} : { TENSORFLOW_WHEEL_URL: expected.wheelUrl }),
        }
      : {};
    return [
      ...unset.map((name) => `${resource.address}: ${name} is not set`),
      ...Object.entries(environment)
        .filter(([name, value]) => wanted[name] !== value)
        .map(([name, value]) => `${resource.address}: ${name} is ${value}, and must be ${wanted[name]}`),
      ...(isDeepStrictEqual(building ?? {}, toBuild)
        ? []
        : [
            `${resource.address}: its build gets ${JSON.stringify(building)}, and must get ${JSON.stringify(toBuild)}`,
          ]),
    ];
  });
}

/** The service that a resource is made with. */
const serviceOf: Readonly<Record<string, string>> = {
  google_artifact_registry_repository: "artifactregistry",
  google_artifact_registry_repository_iam_member: "artifactregistry",
  google_billing_budget: "billingbudgets",
  google_cloud_run_service_iam_member: "run",
  google_cloud_scheduler_job: "cloudscheduler",
  google_cloud_tasks_queue: "cloudtasks",
  google_cloud_tasks_queue_iam_member: "cloudtasks",
  google_cloudfunctions2_function: "cloudfunctions",
  google_firestore_database: "firestore",
  google_firestore_field: "firestore",
  google_firestore_index: "firestore",
  google_logging_metric: "logging",
  google_monitoring_alert_policy: "monitoring",
  google_monitoring_dashboard: "monitoring",
  google_monitoring_notification_channel: "monitoring",
  google_project_iam_member: "cloudresourcemanager",
  google_service_account: "iam",
  google_service_account_iam_member: "iam",
  google_storage_bucket: "storage",
  google_storage_bucket_iam_binding: "storage",
  google_storage_bucket_iam_member: "storage",
  google_storage_bucket_object: "storage",
  google_storage_managed_folder: "storage",
  google_storage_managed_folder_iam_member: "storage",
};
/**
 * Beside: what builds a function and takes its logs, and what signs links and gives operators their tokens.
 */
const ofEveryFunction = ["cloudbuild", "run", "logging"];
const ofTheApi = ["iamcredentials"];
const withoutService = ["google_project_service", "time_sleep"];

function serviceProblems(resources: readonly AppliedResource[]): readonly string[] {
  const enabled = ofType(resources, "google_project_service").map(({ values }) => String(values["service"]));
  const types = new Set(resources.map(({ type }) => type));
  const unknown = [...types].filter(
    (type) => serviceOf[type] === undefined && !withoutService.includes(type),
  );
  const hasApi = deployed(resources).has("api");
  const needed = new Set(
    [
      ...[...types].flatMap((type) => serviceOf[type] ?? []),
      ...ofEveryFunction,
      ...(hasApi ? ofTheApi : []),
    ].map((service) => `${service}.googleapis.com`),
  );
  return [
    ...unknown.map((type) => `${type}: no test knows which service it needs`),
    ...[...needed]
      .filter((service) => !enabled.includes(service))
      .map((service) => `${service} is not enabled`),
    ...enabled
      .filter((service) => !needed.has(service))
      .map((service) => `${service} is enabled and not used`),
  ];
}

/** What a resource has to wait for, by type: parts of addresses. */
function orderProblems(resources: readonly AppliedResource[]): readonly string[] {
  const isSilo = deployed(resources).size === 1;
  const always = ["google_project_service.main", "time_sleep.enabled"];
  const ofFunction = [
    "google_service_account.main",
    "module.accounts.google_project_iam_member.main",
    "google_artifact_registry_repository.main",
    "google_artifact_registry_repository_iam_member.main",
    "google_project_iam_member.build_sources",
    "time_sleep.granted",
    "google_storage_bucket_object.source",
  ];
  const granted = ["google_service_account.main"];
  const rules: Readonly<Record<string, readonly string[]>> = {
    google_cloudfunctions2_function: ofFunction,
    google_cloud_run_service_iam_member: ["google_cloudfunctions2_function.main", ...ofFunction],
    google_cloud_scheduler_job: [
      "google_cloudfunctions2_function.main",
      "google_service_account.main",
      ...(isSilo ? [] : ["google_cloud_run_service_iam_member.invoker"]),
    ],
    google_project_iam_member: granted,
    google_service_account_iam_member: granted,
    google_storage_bucket_iam_member: [...granted, "google_storage_bucket.main"],
    google_storage_managed_folder_iam_member: [...granted, "google_storage_managed_folder.main"],
    google_cloud_tasks_queue_iam_member: [...granted, "google_cloud_tasks_queue.main"],
    google_artifact_registry_repository_iam_member: [...granted, "google_artifact_registry_repository.main"],
    google_storage_bucket_object: ["google_storage_bucket.sources"],
    google_firestore_index: ["google_firestore_database.main"],
    google_firestore_field: ["google_firestore_database.main"],
  };
  return resources
    .filter(({ type }) => type !== "google_project_service")
    .flatMap(({ address, type, waitsFor }) =>
      [...(address.endsWith("time_sleep.enabled") ? always.slice(0, 1) : always), ...(rules[type] ?? [])]
        .filter((part) => !waitsFor.some((before) => before.endsWith(part)))
        .map((part) => `${address}: does not wait for ${part}`),
    );
}
