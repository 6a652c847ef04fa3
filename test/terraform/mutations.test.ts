// The checks are proven by breaking what they check: every mutation of the configuration must be caught by Terraform on the
// real schema, by its own validations, by the rules on its plan, or by the comparison with the code.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deploymentGrants, grantDifferences } from "./grants.ts";
import { type Bench, limitProblems, openBench, plan, problemsOf, rootVariables } from "./support.ts";

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
    caught: /evaluator.*nobody may call it/,
  },
  {
    what: "a grant to an account that nobody makes",
    file: "contract/grants.tf",
    from: 'clients_data    = { "roles/storage.objectViewer" = [local.member.client] }',
    to: 'clients_data    = { "roles/storage.objectViewer" = ["serviceAccount:fedstratus-trainer@lab-1234.iam.gserviceaccount.com"] }',
    caught: /fedstratus-trainer is not an account that is made here/,
  },
  {
    what: "a shared account",
    file: "main.tf",
    from: "account_email  = module.contract.accounts[each.key].email",
    to: "account_email  = module.contract.accounts.api.email",
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
    from: '"roles/storage.objectUser" ',
    to: '"roles/storage.objectAdmin"',
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
    from: "AGGREGATOR_URL ",
    to: "AGGREGATE_URL  ",
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

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  const { output } = await bench.workspace.run(".", "init", "-backend=false", "-no-color");
  expect(output).toContain("successfully initialized");
});
afterAll(() => bench.close());

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

it("nothing is found where nothing is broken", async () => {
  expect(await verdict()).toBe("");
});

async function expectCaught({ file, from, to, caught }: Omit<Mutation, "what">): Promise<void> {
  const path = join(bench.workspace.dir, file);
  const original = await readFile(path, "utf8");
  expect(original.split(from)).toHaveLength(2);
  await writeFile(
    path,
    original.replace(from, () => to),
  );
  try {
    expect(await verdict()).toMatch(caught);
  } finally {
    await writeFile(path, original);
  }
}

describe("is caught:", () => {
  it.each(mutations)("$what", (mutation) => expectCaught(mutation));
  it.each(droppedGrants)("a $caught", (mutation) =>
    expectCaught({ ...mutation, file: "contract/grants.tf" }),
  );
});
