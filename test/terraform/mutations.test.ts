// The checks are proven by breaking what they check: every mutation of the configuration must be caught by
// Terraform on the real schema, by its own validations, by the rules on its plan, or by the comparison with
// the code.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { casesHere, describeHere } from "../support/tier.ts";
import { deploymentGrants, grantDifferences } from "./grants.ts";
import { expectedOf, openScenarios, type ScenarioName, type Scenarios } from "./scenarios.ts";
import { type Bench, limitProblems, plan, problemsOf, rootVariables } from "./support.ts";
import { valueProblems } from "./values.ts";

interface Mutation {
  readonly what: string;
  readonly file: string;
  /** Exactly one place. */
  readonly from: string;
  readonly to: string;
  /** What the one who made the mistake reads. */
  readonly caught: RegExp;
}

const mutations: readonly Mutation[] = [
  // By Terraform, on the schema.
  {
    what: "a misspelt attribute",
    file: "modules/bucket/main.tf",
    from: "public_access_prevention ",
    to: "public_access_preventoin ",
    caught: /Did you mean "public_access_prevention"/,
  },
  {
    what: "a misspelt block",
    file: "modules/queue/main.tf",
    from: "  rate_limits {",
    to: "  rate_limit {",
    caught: /Did you mean "rate_limits"/,
  },
  {
    what: "a missing required argument",
    file: "modules/database/main.tf",
    from: '  type                              = "FIRESTORE_NATIVE"\n',
    to: "",
    caught: /The argument "type" is required/,
  },
  {
    what: "a missing required block",
    file: "modules/database/indexes.tf",
    from: 'dynamic "fields" {\n    for_each = each.value.fields',
    to: 'dynamic "fields" {\n    for_each = []',
    caught: /[Ii]nsufficient fields blocks/,
  },
  {
    what: "a misspelt resource type",
    file: "modules/watchdog/main.tf",
    from: 'resource "google_cloud_scheduler_job"',
    to: 'resource "google_cloud_schedule_job"',
    caught: /google_cloud_schedule_job/,
  },
  {
    what: "a value of the wrong type",
    file: "modules/function/main.tf",
    from: "timeout_seconds                  = var.limits.timeout_seconds",
    to: 'timeout_seconds                  = "a minute"',
    caught: /number( is)? required/,
  },
  {
    what: "a reference to what is not there",
    file: "modules/function/bundle.tf",
    from: "var.build.sources_bucket",
    to: "var.build.source_bucket",
    caught: /does not have an attribute named "source_bucket"|Unsupported attribute/,
  },
  // By the configuration's own validations.
  {
    what: "a public function",
    file: "contract/grants.tf",
    from: 'client     = { "roles/run.invoker" = [local.member["client-invoker"]] }',
    to: 'client     = { "roles/run.invoker" = ["allUsers"] }',
    caught: /Nothing may be granted to allUsers/,
  },
  {
    what: "a function for everybody with an account",
    file: "contract/grants.tf",
    from: 'client     = { "roles/run.invoker" = [local.member["client-invoker"]] }',
    to: 'client     = { "roles/run.invoker" = ["allAuthenticatedUsers"] }',
    caught: /Nothing may be granted to allUsers/,
  },
  ...["owner", "viewer"].map((role) => ({
    what: `the primitive role ${role}`,
    file: "contract/grants.tf",
    from: '"roles/datastore.user"',
    to: `"roles/${role}"`,
    caught: /Primitive roles must not be granted/,
  })),
  {
    what: "a primitive role",
    file: "contract/grants.tf",
    from: '"roles/datastore.user"',
    to: '"roles/editor"',
    caught: /Primitive roles must not be granted|roles\/datastore\.user/,
  },
  {
    what: "a timeout below the task's deadline",
    file: "contract/locals.tf",
    from: "task_deadline_seconds = { coordinator = 60, aggregator = 540",
    to: "task_deadline_seconds = { coordinator = 60, aggregator = 600",
    caught: /A task's deadline must not be beyond its function's timeout/,
  },
  {
    what: "training side by side",
    file: "contract/locals.tf",
    from: "concurrency = 1,\n      min_instances = 0, max_instances = 10",
    to: "concurrency = 4,\n      min_instances = 0, max_instances = 10",
    caught: /concurrency 1 only/,
  },
  {
    what: "more calls at once than instances",
    file: "contract/locals.tf",
    from: "local.functions.client.max_instances)",
    to: "1000)",
    caught: /is 1000, but the client function has at most 10 instances/,
  },
  // By the rules on the plan.
  {
    what: "a bucket that could be made public",
    file: "modules/bucket/main.tf",
    from: '"enforced"',
    to: '"inherited"',
    caught: /could be made public/,
  },
  {
    what: "access by object",
    file: "modules/bucket/main.tf",
    from: "uniform_bucket_level_access = true",
    to: "uniform_bucket_level_access = false",
    caught: /access is not uniform/,
  },
  {
    what: "a dropped invoker",
    file: "contract/grants.tf",
    from: 'evaluator  = { "roles/run.invoker" = [local.member["control-invoker"]] }',
    to: "evaluator  = {}",
    caught: /evaluator.*no account may call it/,
  },
  {
    what: "a grant to an account that is never made",
    file: "contract/grants.tf",
    from: 'clients_data    = { "roles/storage.objectViewer" = [local.member.client] }',
    to: 'clients_data    = { "roles/storage.objectViewer" = ["serviceAccount:fedstratus-trainer@lab-1234.iam.gserviceaccount.com"] }',
    caught: /fedstratus-trainer is not an account that is made here/,
  },
  {
    what: "a shared account",
    file: "main.tf",
    from: "account_email        = module.contract.accounts[each.key].email",
    to: "account_email        = module.contract.accounts.api.email",
    caught: /shares fedstratus-api@.* with another function/,
  },
  {
    what: "a role on the whole project",
    file: "modules/database/iam.tf",
    from: 'expression = "resource.name == ',
    to: 'expression = "true || resource.name == ',
    caught: /without the condition that narrows it/,
  },
  {
    what: "an enum value that does not exist",
    file: "modules/database/main.tf",
    from: '"PESSIMISTIC"',
    to: '"PESIMISTIC"',
    caught: /concurrency_mode is "PESIMISTIC"/,
  },
  {
    what: "an aligner that does not exist",
    file: "modules/observability/alerts.tf",
    from: '"ALIGN_SUM"',
    to: '"ALIGN_TOTAL"',
    caught: /per_series_aligner is "ALIGN_TOTAL"/,
  },
  {
    what: "an alert on a metric that is made with it",
    file: "modules/observability/alerts.tf",
    from: "logging.googleapis.com/log_entry_count",
    to: "logging.googleapis.com/user/fedstratus/errors",
    caught: /alerts on logging\.googleapis\.com\/user\/fedstratus\/errors, which a new project does not have/,
  },
  {
    what: "an alert on log lines without a limit",
    file: "modules/observability/alerts.tf",
    from: '    notification_rate_limit {\n      period = "3600s"\n    }\n',
    to: "",
    caught: /need alert_strategy\.notification_rate_limit/,
  },
  {
    what: "another path of the watchdog",
    file: "modules/watchdog/main.tf",
    from: "/watchdog",
    to: "/watch",
    caught: /http_target.uri is/,
  },
  {
    what: "an owner of objects",
    file: "contract/grants.tf",
    from: '"roles/storage.objectUser"    ',
    to: '"roles/storage.objectAdmin"   ',
    caught: /roles\/storage\.objectAdmin is not granted on/,
  },
  {
    what: "a bucket that is not made",
    file: "contract/environment.tf",
    from: "MODEL_BUCKET         = local.buckets.models",
    to: 'MODEL_BUCKET         = "fedstratus-models"',
    caught: /MODEL_BUCKET names fedstratus-models, which is not made here/,
  },
  {
    what: "a database that is not made",
    file: "contract/environment.tf",
    from: "FIRESTORE_DATABASE   = local.database_id",
    to: 'FIRESTORE_DATABASE   = "(default)"',
    caught: /FIRESTORE_DATABASE names \(default\), which is not made here/,
  },
  // By the comparison with the code.
  {
    what: "a renamed variable",
    file: "contract/environment.tf",
    from: "AGGREGATOR_URL      = ",
    to: "AGGREGATE_URL       = ",
    caught: /the environment is .*AGGREGATE_URL/,
  },
  {
    what: "a variable that no function reads",
    file: "contract/environment.tf",
    from: "= local.data.client",
    to: "= local.data.client\n      MODEL_BUCKET = local.buckets.models",
    caught: /the environment is .*MODEL_BUCKET/,
  },
  {
    what: "a variable that is missing",
    file: "contract/environment.tf",
    from: "      EVALUATION_DATA        = local.data.evaluation\n",
    to: "",
    caught: /EVALUATION_DATA/,
  },
  {
    what: "other retries than the local cloud's",
    file: "contract/locals.tf",
    from: "max_attempts = 3",
    to: "max_attempts = 5",
    caught: /max_attempts is 5, in the code 3/,
  },
  {
    what: "other limits than the local cloud's",
    file: "contract/locals.tf",
    from: "min_instances = 0, max_instances = 4",
    to: "min_instances = 0, max_instances = 40",
    caught: /coordinator: maxInstances is 40/,
  },
  {
    what: "fewer calls at once than the local cloud's",
    file: "contract/locals.tf",
    from: "local.functions.client.max_instances)",
    to: "5)",
    caught: /client queue: 5 calls at once/,
  },
];

/** A grant of each kind, dropped; the table of grants knows it. */
const droppedGrants: readonly Pick<Mutation, "from" | "to" | "caught">[] = [
  {
    from: '"roles/logging.logWriter" = [local.member.build]',
    to: '"roles/logging.logWriter" = []',
    caught: /dropped grant: roles\/logging\.logWriter on the project: build/,
  },
  {
    from: '"roles/datastore.user" = [for key in local.control :',
    to: '"roles/datastore.user" = [for key in slice(local.control, 0, 3) :',
    caught: /dropped grant: roles\/datastore\.user where .*: evaluator/,
  },
  {
    from: '      "roles/storage.objectViewer"  = [local.member.api]\n',
    to: "",
    caught: /dropped grant: roles\/storage\.objectViewer on lab-1234-fedstratus-models: api/,
  },
  {
    from: '      "roles/storage.objectCreator" = [local.member.api]\n',
    to: "",
    caught: /dropped grant: roles\/storage\.objectCreator on lab-1234-fedstratus-models: api/,
  },
  {
    from: '[for key in ["coordinator", "aggregator", "evaluator"] : local.member[key]]',
    to: "[local.member.coordinator, local.member.aggregator]",
    caught: /dropped grant: roles\/storage\.objectUser on lab-1234-fedstratus-models: evaluator/,
  },
  {
    from: 'evaluation_data = { "roles/storage.objectViewer" = [local.member.evaluator] }',
    to: "evaluation_data = {}",
    caught:
      /dropped grant: roles\/storage\.objectViewer on lab-1234-fedstratus-data\/evaluation\/: evaluator/,
  },
  {
    from: 'build_sources = { "roles/storage.objectViewer" = [local.member.build] }',
    to: "build_sources = {}",
    caught: /dropped grant: roles\/storage\.objectViewer where .*gcf-v2-sources.*: build/,
  },
  {
    from: 'repository    = { "roles/artifactregistry.writer" = [local.member.build] }',
    to: "repository    = {}",
    caught: /dropped grant: roles\/artifactregistry\.writer on fedstratus: build/,
  },
  {
    from: '"roles/cloudtasks.enqueuer" = [for key in local.control : local.member[key]]',
    to: '"roles/cloudtasks.enqueuer" = [local.member.api]',
    caught: /dropped grant: roles\/cloudtasks\.enqueuer on fedstratus-control: aggregator/,
  },
  {
    from: '[for key in local.control : local.member[key]]\n      "roles/cloudtasks.viewer"   = [local.member.coordinator]\n',
    to: "[for key in local.control : local.member[key]]\n",
    caught: /dropped grant: roles\/cloudtasks\.viewer on fedstratus-control: coordinator/,
  },
  {
    from: 'control_invoker = { "roles/iam.serviceAccountUser" = [for key in local.control : local.member[key]] }',
    to: "control_invoker = {}",
    caught: /dropped grant: roles\/iam\.serviceAccountUser on control-invoker: api/,
  },
  {
    from: 'coordinator_account = { "roles/iam.serviceAccountTokenCreator" = [local.member.coordinator] }',
    to: "coordinator_account = {}",
    caught: /dropped grant: roles\/iam\.serviceAccountTokenCreator on coordinator: coordinator/,
  },
  {
    from: 'operator_account = { "roles/iam.serviceAccountTokenCreator" = local.operator_members }',
    to: "operator_account = {}",
    caught: /dropped grant: roles\/iam\.serviceAccountTokenCreator on operator: user:ada@example\.org/,
  },
  {
    from: '[local.member["control-invoker"], local.member.client]',
    to: '[local.member["control-invoker"]]',
    caught: /dropped grant: roles\/run\.invoker on fedstratus-coordinator: client/,
  },
];

/** Values that are wrong and well-formed, and shapes: what the plan under one set of inputs does not show. */
const wrongValues: readonly (Mutation & { readonly scenario: ScenarioName })[] = [
  ...(
    [
      [
        "AGGREGATOR_URL      = local.functions.aggregator.url",
        "local.functions.evaluator.url",
        /AGGREGATOR_URL is .*-evaluator-/,
      ],
      [
        "CLIENT_QUEUE        = local.queues.client.name",
        "local.queues.control.name",
        /CLIENT_QUEUE is trial-2-control/,
      ],
      [
        "CONTROL_QUEUE        = local.queues.control.name",
        "local.queues.client.name",
        /CONTROL_QUEUE is trial-2-client/,
      ],
      ["FIRESTORE_DATABASE   = local.database_id", "var.prefix", /FIRESTORE_DATABASE is trial-2/],
      ["TASKS_LOCATION       = var.region", '"europe-west1"', /TASKS_LOCATION is europe-west1/],
      [
        "COORDINATOR_URL      = local.functions.coordinator.url",
        "local.functions.api.url",
        /COORDINATOR_URL is .*-api-/,
      ],
      [
        "MODEL_BUCKET         = local.buckets.models",
        "local.buckets.data",
        /MODEL_BUCKET is other-5678-trial-2-data/,
      ],
      [
        'CLIENT_TASK_INVOKER = local.accounts["client-invoker"].email',
        "local.accounts.client.email",
        /CLIENT_TASK_INVOKER is trial-2-client@/,
      ],
      ["CLIENT_DATA            = local.data.client", "local.data.evaluation", /CLIENT_DATA is .*evaluation/],
      ["VCPU       = tostring(limits.vcpu)", '"1"', /VCPU is 1, and must be 6/],
      ["VCPU                   = tostring(local.functions.client.vcpu)", '"3"', /VCPU is 3, and must be/],
      ["MEMORY_MIB = tostring(limits.memory_mib)", '"2048"', /MEMORY_MIB is 2048, and must be 8192/],
    ] as const
  ).map(([line, value, caught]) => ({
    what: `${line.split(" ")[0]} of another`,
    scenario: "root-everything" as const,
    file: "contract/environment.tf",
    from: line,
    to: `${line.split("=")[0]}= ${value}`,
    caught,
  })),
  {
    what: "a data set without the client's name",
    scenario: "root-fewest",
    file: "contract/locals.tf",
    from: "/clients/{clientId}.safetensors",
    to: "/clients/client.safetensors",
    caught: /CLIENT_DATA is .*clients\/client\.safetensors/,
  },
  {
    what: "a wrong invoker",
    scenario: "root-fewest",
    file: "contract/grants.tf",
    from: 'evaluator  = { "roles/run.invoker" = [local.member["control-invoker"]] }',
    to: 'evaluator  = { "roles/run.invoker" = [local.member["client-invoker"]] }',
    caught: /fedstratus-client-invoker@.*service = "fedstratus-evaluator"/,
  },
  {
    what: "a service that is not enabled",
    scenario: "root-fewest",
    file: "locals.tf",
    from: '"cloudtasks.googleapis.com",',
    to: "",
    caught: /cloudtasks\.googleapis\.com is not enabled/,
  },
  {
    what: "a service that nothing uses",
    scenario: "silo-fewest",
    file: "modules/client_silo/main.tf",
    from: '"storage.googleapis.com",',
    to: '"storage.googleapis.com", "compute.googleapis.com",',
    caught: /compute\.googleapis\.com is enabled and not used/,
  },
  {
    what: "a control queue that calls one at a time",
    scenario: "root-fewest",
    file: "contract/locals.tf",
    from: "rate = { max_concurrent = 1000",
    to: "rate = { max_concurrent = 1",
    caught: /max_concurrent_dispatches = 1 /,
  },
  {
    what: "a rule of the bucket that expires every model",
    scenario: "root-fewest",
    file: "modules/bucket/main.tf",
    from: "        age            = lifecycle_rule.value.age_days\n        matches_suffix = lifecycle_rule.value.suffixes\n",
    to: "        age            = lifecycle_rule.value.age_days\n",
    caught: /gone: +lifecycle_rule\.1\.condition\.0\.matches_suffix\.0/,
  },
  ...(
    [
      ["main.tf", "age_days        = var.unused_update_days", "age_days        = 30", /age = 30/],
      [
        "main.tf",
        "schedule         = var.watchdog_schedule",
        'schedule         = "*/10 * * * *"',
        /schedule = "\*\/10/,
      ],
      [
        "main.tf",
        "point_in_time_recovery = var.point_in_time_recovery",
        "point_in_time_recovery = false",
        /RECOVERY_DISABLED/,
      ],
      [
        "main.tf",
        "alert_emails   = var.alert_emails",
        "alert_emails   = []",
        /gone: .*notification_channels/,
      ],
      ["locals.tf", "merge(var.labels, {", "merge({", /gone: .*labels\.team/],
      [
        "contract/locals.tf",
        "coalesce(var.client_dispatch.max_concurrent, local",
        "coalesce(null, local",
        /max_concurrent_dispatches = 20 /,
      ],
      [
        "contract/locals.tf",
        "= var.client_dispatch.max_per_second",
        "= 500",
        /max_dispatches_per_second = 500/,
      ],
      ["modules/function/main.tf", "= var.limits.min_instances", "= 0", /min_instance_count = 0/],
      ["modules/function/main.tf", "= var.runtime", '= "nodejs24"', /runtime = "nodejs24"/],
      [
        "modules/observability/alerts.tf",
        "{var.project_number}",
        "{var.project_id}",
        /projects\.0 = "projects\/other-5678"/,
      ],
    ] as const
  ).map(([file, from, to, caught]) => ({
    what: `an ignored variable: ${from}`,
    scenario: "root-everything" as const,
    file,
    from,
    to,
    caught,
  })),
  ...(
    [
      [
        "main.tf",
        "  depends_on = [module.function]\n",
        "",
        /scheduler_job.*does not wait for google_cloud_run_service_iam_member/,
      ],
      [
        "modules/build/outputs.tf",
        "    time_sleep.granted,\n",
        "",
        /function.*does not wait for time_sleep\.granted/,
      ],
      [
        "modules/build/iam.tf",
        "google_artifact_registry_repository_iam_member.main, google_project_iam_member.build_sources]",
        "google_project_iam_member.build_sources]",
        /does not wait for google_artifact_registry_repository_iam_member/,
      ],
      [
        "modules/services/main.tf",
        "  depends_on = [google_project_service.main]\n",
        "",
        /time_sleep\.enabled: does not wait for google_project_service/,
      ],
      [
        "modules/services/main.tf",
        'create_duration = "60s"',
        'create_duration = "1s"',
        /create_duration = "1s"/,
      ],
    ] as const
  ).map(([file, from, to, caught]) => ({
    what: `no wait: ${from.trim()}`,
    scenario: "root-fewest" as const,
    file,
    from,
    to,
    caught,
  })),
  ...(
    [
      [
        "TASK_INVOKER           = var.federation.task_invoker",
        "TASK_INVOKER           = local.account",
        /TASK_INVOKER is ward-client@/,
      ],
      [
        "COORDINATOR_URL        = var.federation.coordinator_url",
        "COORDINATOR_URL        = local.url",
        /COORDINATOR_URL is https:\/\/ward-client/,
      ],
      ["var.data_path", '"data.safetensors"', /CLIENT_DATA is .*data\.safetensors/],
      [
        "memoryMib      = var.limits.memory_mib",
        "memoryMib      = 2048",
        /registration\.capacity\.memoryMib = 2048/,
      ],
      [
        "merge(var.limits, { concurrency = 1, min_instances = 0 })",
        "merge(var.limits, { concurrency = 8, min_instances = 0 })",
        /max_instance_request_concurrency = 8/,
      ],
      ["delete_protection = var.delete_protection", "delete_protection = true", /force_destroy = false/],
    ] as const
  ).map(([from, to, caught]) => ({
    what: `of a silo: ${from}`,
    scenario: "silo-everything" as const,
    file: "modules/client_silo/main.tf",
    from,
    to,
    caught,
  })),
  {
    what: "an output that does not fit the silo",
    scenario: "root-fewest",
    file: "outputs.tf",
    from: 'task_invoker    = module.contract.accounts["client-invoker"].email',
    to: "task_invoker    = module.contract.accounts.client.email",
    caught: /output federation\.task_invoker = "fedstratus-client@/,
  },
  {
    what: "an example that promises something else",
    scenario: "example-federation",
    file: "examples/federation/main.tf",
    from: "memory_mib = 4096, vcpu = 2",
    to: "memory_mib = 2048, vcpu = 2",
    caught: /available_memory = "2048Mi"/,
  },
];

let bench: Bench;
let scenarios: Scenarios;
beforeAll(async () => {
  scenarios = await openScenarios();
  bench = scenarios.bench;
}, 600_000);
afterAll(() => scenarios.close());

/**
 * Everything that is said about a scenario: the first reason why not, wrong values, and each line that
 * golden/ has otherwise.
 */
async function verdictOn(name: ScenarioName): Promise<string> {
  const applied = await scenarios.apply(name);
  if ("refusal" in applied) return applied.refusal;
  const text = scenarios.text(applied).split("\n");
  const golden = (await readFile(join(import.meta.dirname, `golden/${name}.txt`), "utf8")).split("\n");
  const now = new Set(text);
  // A resource's lines beside each other, so that what is said of it is found together.
  const before = new Set(golden.join("\n").split("\n\n"));
  const blocks = text
    .join("\n")
    .split("\n\n")
    .filter((block) => !before.has(block));
  return [
    ...valueProblems(applied.resources, expectedOf(name)),
    ...golden.filter((line) => !now.has(line)).map((line) => `gone: ${line}`),
    ...blocks.map((block) => block.replaceAll("\n", " ")),
    ...(text.length === golden.length ? [] : [`${text.length} lines, not ${golden.length}`]),
  ].join("\n");
}

/** Everything that is said about the configuration as it is; empty when nothing is wrong. */
async function verdict(): Promise<string> {
  const planned = await plan(bench.workspace, ".", rootVariables(bench.archivesDir));
  if ("refusal" in planned) return planned.refusal.replace(/\s*\n[│\s]*/g, " ");
  return [
    ...problemsOf(planned.resources),
    ...limitProblems(planned.resources),
    ...grantDifferences(planned.resources, "lab-1234", deploymentGrants),
  ].join("\n");
}

const unbroken: readonly (readonly [string, () => Promise<string>])[] = [
  ["the plan", verdict],
  ["root-fewest", () => verdictOn("root-fewest")],
  ["silo-fewest", () => verdictOn("silo-fewest")],
];

describeHere("nothing is found where nothing is broken:", [unbroken], () => {
  it.each(casesHere(unbroken))("%s", async (_, say) => {
    expect(await say()).toBe("");
  });
});

async function expectCaught(
  { file, from, to, caught }: Omit<Mutation, "what">,
  say: () => Promise<string> = verdict,
): Promise<void> {
  const path = join(bench.workspace.dir, file);
  const original = await readFile(path, "utf8");
  expect(original.split(from)).toHaveLength(2);
  await writeFile(
    path,
    original.replace(from, () => to),
  );
  try {
    expect(await say()).toMatch(caught);
  } finally {
    await writeFile(path, original);
  }
}

describe("is caught:", () => {
  it.each(casesHere(mutations))("$what", (mutation) => expectCaught(mutation));
  it.each(casesHere(wrongValues))("$what", (mutation) =>
    expectCaught(mutation, () => verdictOn(mutation.scenario)),
  );
  it.each(casesHere(droppedGrants))("a $caught", (mutation) =>
    expectCaught({ ...mutation, file: "contract/grants.tf" }),
  );
});
