// Rules on what Terraform plans, beyond what a schema can say: values, names, roles, and that the parts fit
// together.

/** A resource as it will be. */
export interface PlannedResource {
  readonly address: string;
  readonly type: string;
  /** What is known before apply. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** The rules that a plan breaks, one line each, beginning with the resource's address. */
export function planProblems(resources: readonly PlannedResource[]): readonly string[] {
  return [
    ...resources.flatMap((resource) => [
      ...valueProblems(resource),
      ...grantProblems(resource),
      ...bucketProblems(resource),
      ...alertProblems(resource),
    ]),
    ...functionProblems(resources),
    ...memberProblems(resources),
  ];
}

/**
 * Allowed values and forms, by resource type and path; the real provider or the service would refuse others.
 */
const accountId = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
const region = /^[a-z]+-[a-z]+[0-9]{1,2}$/;
const bucketName = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
const seconds = /^[0-9]+(\.[0-9]+)?s$/;
const forms: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  google_cloudfunctions2_function: {
    name: /^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$/,
    location: region,
    "build_config.runtime": /^nodejs(22|24)$/,
    "build_config.entry_point": /^(api|coordinator|aggregator|evaluator|client)$/,
    "build_config.service_account": /^projects\/[^/]+\/serviceAccounts\/[^/]+$/,
    "service_config.available_memory": /^[0-9]+Mi$/,
    "service_config.available_cpu": /^([1-8]|0?\.[0-9]+)$/,
    "service_config.ingress_settings": /^ALLOW_(ALL|INTERNAL_ONLY|INTERNAL_AND_GCLB)$/,
  },
  google_service_account: { account_id: accountId },
  google_storage_bucket: {
    name: bucketName,
    location: region,
    storage_class: /^(STANDARD|NEARLINE|COLDLINE|ARCHIVE)$/,
    public_access_prevention: /^enforced$/,
    "lifecycle_rule.action.type": /^(Delete|SetStorageClass|AbortIncompleteMultipartUpload)$/,
    "lifecycle_rule.condition.with_state": /^(|LIVE|ARCHIVED|ANY)$/,
  },
  google_storage_bucket_object: { name: /-[0-9a-f]{16}\.zip$/ },
  google_storage_managed_folder: { name: /\/$/ },
  google_firestore_database: {
    name: /^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/,
    location_id: region,
    type: /^FIRESTORE_NATIVE$/,
    concurrency_mode: /^(OPTIMISTIC|PESSIMISTIC|OPTIMISTIC_WITH_ENTITY_GROUPS)$/,
    app_engine_integration_mode: /^(ENABLED|DISABLED)$/,
    point_in_time_recovery_enablement: /^POINT_IN_TIME_RECOVERY_(EN|DIS)ABLED$/,
    delete_protection_state: /^DELETE_PROTECTION_(EN|DIS)ABLED$/,
    deletion_policy: /^(ABANDON|DELETE)$/,
  },
  google_firestore_index: {
    query_scope: /^COLLECTION(_GROUP|_RECURSIVE)?$/,
    "fields.order": /^(ASCENDING|DESCENDING)$/,
  },
  google_cloud_tasks_queue: {
    name: /^[A-Za-z0-9-]{1,100}$/,
    location: region,
    "retry_config.min_backoff": seconds,
    "retry_config.max_backoff": seconds,
  },
  google_cloud_scheduler_job: {
    schedule: /^(\S+ ){4}\S+$/,
    attempt_deadline: seconds,
    "http_target.http_method": /^(POST|GET|HEAD|PUT|DELETE|PATCH|OPTIONS)$/,
    "http_target.uri": /^https:\/\/[^/]+\/watchdog$/,
  },
  google_project_service: { service: /^[a-z]+\.googleapis\.com$/ },
  google_artifact_registry_repository: { format: /^DOCKER$/, "cleanup_policies.action": /^(KEEP|DELETE)$/ },
  google_logging_metric: {
    "metric_descriptor.metric_kind": /^(DELTA|GAUGE|CUMULATIVE)$/,
    "metric_descriptor.value_type": /^(BOOL|INT64|DOUBLE|STRING|DISTRIBUTION|MONEY)$/,
  },
  google_monitoring_alert_policy: {
    combiner: /^(AND|OR|AND_WITH_MATCHING_RESOURCE)$/,
    "alert_strategy.auto_close": seconds,
    "alert_strategy.notification_rate_limit.period": seconds,
    "conditions.condition_threshold.comparison": /^COMPARISON_(GT|LT)$/,
    "conditions.condition_threshold.duration": seconds,
    "conditions.condition_threshold.aggregations.per_series_aligner":
      /^ALIGN_(SUM|MAX|MIN|MEAN|DELTA|RATE|COUNT|PERCENTILE_(05|50|95|99))$/,
    "conditions.condition_threshold.aggregations.cross_series_reducer":
      /^REDUCE_(NONE|SUM|MAX|MIN|MEAN|COUNT)$/,
  },
  google_monitoring_notification_channel: { type: /^email$/ },
};

function valueProblems({ address, type, values }: PlannedResource): readonly string[] {
  return Object.entries(forms[type] ?? {}).flatMap(([path, form]) =>
    valuesAt(values, path.split("."))
      .filter((value) => !form.test(String(value)))
      .map((value) => `${address}: ${path} is ${JSON.stringify(value)}, which is not of the form ${form}`),
  );
}

/** Every known value at a path, through lists of blocks. */
export function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path));
  if (value === null || value === undefined) return [];
  const [name, ...rest] = path;
  if (name === undefined) return [value];
  return typeof value === "object"
    ? valuesAt(Object.entries(value).find(([key]) => key === name)?.[1], rest)
    : [];
}

/** The roles that may be granted on each kind of resource, and no others. */
const roles: Readonly<Record<string, readonly string[]>> = {
  google_project_iam_member: [
    "roles/logging.logWriter",
    "roles/datastore.user",
    "roles/storage.objectViewer",
  ],
  google_service_account_iam_member: ["roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser"],
  google_cloud_run_service_iam_member: ["roles/run.invoker"],
  google_cloud_tasks_queue_iam_member: [
    "roles/cloudtasks.enqueuer",
    "roles/cloudtasks.taskDeleter",
    "roles/cloudtasks.viewer",
  ],
  google_storage_bucket_iam_member: [
    "roles/storage.objectViewer",
    "roles/storage.objectCreator",
    "roles/storage.objectUser",
  ],
  google_storage_bucket_iam_binding: [
    "roles/storage.legacyBucketReader",
    "roles/storage.legacyObjectOwner",
    "roles/storage.legacyObjectReader",
  ],
  google_storage_managed_folder_iam_member: ["roles/storage.objectViewer"],
  google_artifact_registry_repository_iam_member: ["roles/artifactregistry.writer"],
};
/** On a project these would reach more than is meant: each needs a condition that says what it is for. */
const narrowed: Readonly<Record<string, RegExp>> = {
  "roles/datastore.user": /^resource\.name == "projects\/[^/"]+\/databases\/[^/"]+"$/,
  "roles/storage.objectViewer": /^resource\.name\.startsWith\("projects\/_\/buckets\/gcf-v2-sources-"\)$/,
};

const everybody = /^all(Authenticated)?Users$/;

function grantProblems({ address, type, values }: PlannedResource): readonly string[] {
  if (!type.includes("_iam_")) return [];
  const role = String(values["role"]);
  const members = [...valuesAt(values, ["member"]), ...valuesAt(values, ["members"])].map(String);
  const problems: string[] = [];
  if (!(roles[type] ?? []).includes(role)) problems.push(`${address}: ${role} is not granted on ${type}`);
  for (const member of members) {
    if (everybody.test(member)) problems.push(`${address}: ${member} is every account`);
  }
  const condition = narrowed[role];
  if (type === "google_project_iam_member" && condition !== undefined) {
    const [expression] = valuesAt(values, ["condition", "expression"]);
    if (!condition.test(String(expression))) {
      problems.push(`${address}: ${role} on the whole project, without the condition that narrows it`);
    }
  }
  return problems;
}

function bucketProblems({ address, type, values }: PlannedResource): readonly string[] {
  if (type !== "google_storage_bucket") return [];
  return [
    ...(values["uniform_bucket_level_access"] === true ? [] : [`${address}: access is not uniform`]),
    ...(values["public_access_prevention"] === "enforced" ? [] : [`${address}: could be made public`]),
  ];
}

/**
 * Metrics that every project has. Monitoring refuses an alert on one that it does not know, as it does for
 * minutes after it was made.
 */
const builtInMetrics: readonly (string | undefined)[] = [
  "logging.googleapis.com/log_entry_count",
  "run.googleapis.com/request_count",
];

function alertProblems({ address, type, values }: PlannedResource): readonly string[] {
  if (type !== "google_monitoring_alert_policy") return [];
  const at = (path: string) => valuesAt(values, path.split("."));
  const metrics = at("conditions.condition_threshold.filter").map(
    (filter) => /metric\.type="([^"]+)"/.exec(String(filter))?.[1],
  );
  const limit = at("alert_strategy.notification_rate_limit.period");
  return [
    ...metrics
      .filter((metric) => !builtInMetrics.includes(metric))
      .map((metric) => `${address}: alerts on ${metric}, which a new project does not have yet`),
    ...(at("conditions.condition_matched_log").length > 0 && limit.length === 0
      ? [`${address}: alerts on log lines need alert_strategy.notification_rate_limit`]
      : []),
  ];
}

/**
 * Each function: an account of its own that is made here, a caller, and an environment that names what is
 * there.
 */
function functionProblems(resources: readonly PlannedResource[]): readonly string[] {
  const all = (type: string, path: string) =>
    new Set(
      resources.filter((one) => one.type === type).flatMap((one) => valuesAt(one.values, path.split("."))),
    );
  const accounts = all("google_service_account", "account_id");
  const invoked = all("google_cloud_run_service_iam_member", "service");
  const named: Readonly<Record<string, ReadonlySet<unknown>>> = {
    MODEL_BUCKET: all("google_storage_bucket", "name"),
    FIRESTORE_DATABASE: all("google_firestore_database", "name"),
    CONTROL_QUEUE: all("google_cloud_tasks_queue", "name"),
    CLIENT_QUEUE: all("google_cloud_tasks_queue", "name"),
  };
  const open = new Set(
    resources
      .filter(({ type }) => /^google_(cloud_run|cloudfunctions2)_.*_iam_/.test(type))
      .filter(({ values }) => everybody.test(String(values["member"] ?? values["members"])))
      .map(({ values }) => values["service"] ?? values["name"] ?? values["cloud_function"]),
  );
  const taken = new Set<unknown>();
  return resources
    .filter(({ type }) => type === "google_cloudfunctions2_function")
    .flatMap(({ address, values }) => {
      const problems: string[] = [];
      const [account] = valuesAt(values, ["service_config", "service_account_email"]);
      if (!accounts.has(String(account).split("@")[0]))
        problems.push(`${address}: runs as ${account}, not made here`);
      if (taken.has(account)) problems.push(`${address}: shares ${account} with another function`);
      taken.add(account);
      if (!invoked.has(values["name"])) problems.push(`${address}: no account may call it`);
      const [checked] = valuesAt(values, [
        "service_config",
        "environment_variables",
        "CALLERS_CHECKED_BY_REGION",
      ]);
      if (checked !== undefined && open.has(values["name"]))
        problems.push(`${address}: CALLERS_CHECKED_BY_REGION, and anybody may call it`);
      for (const [name, known] of Object.entries(named)) {
        for (const value of valuesAt(values, ["service_config", "environment_variables", name])) {
          if (!known.has(value)) problems.push(`${address}: ${name} names ${value}, which is not made here`);
        }
      }
      return problems;
    });
}

/** A grant to a service account of this project that is not made here would be refused. */
function memberProblems(resources: readonly PlannedResource[]): readonly string[] {
  const made = new Set(
    resources
      .filter(({ type }) => type === "google_service_account")
      .map(({ values }) => `${values["account_id"]}@${values["project"]}`),
  );
  const projects = new Set([...made].map((account) => account.split("@")[1]));
  return resources.flatMap(({ address, values }) => {
    const [, account, project] =
      /^serviceAccount:([^@]+)@([^.]+)\.iam\.gserviceaccount\.com$/.exec(String(values["member"])) ?? [];
    const isForeign = project === undefined || !projects.has(project);
    return isForeign || made.has(`${account}@${project}`)
      ? []
      : [`${address}: ${account} is not an account that is made here`];
  });
}
