// The edges of every validation: the last values that are taken and the first that are refused, of each
// variable of each folder. One plan takes one value of each variable, because Terraform reports all that it
// refuses at once.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asArguments, fewest, fewestOfSilo } from "./inputs.ts";
import { type Bench, configuration, openBench } from "./support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

interface Edges {
  readonly taken: readonly unknown[];
  readonly refused: readonly unknown[];
}

const account = "fedstratus-x@lab-1234.iam.gserviceaccount.com";
const grant = (role: string, member = `serviceAccount:${account}`) => [{ role, member }];
const long = (length: number, letter = "a") => letter.repeat(length);
const bool: Edges = { taken: [true, false], refused: ["yes"] };

const wheelUrl: Edges = {
  taken: ["https://mirror.example.org/tensorflow.whl?token=a", "http://10.0.0.1:8080/a/b.whl"],
  refused: [
    "",
    "mirror.example.org/tensorflow.whl",
    "ftp://mirror.example.org/tensorflow.whl",
    "https://mirror.example.org",
    "https://mirror.example.org/",
    "https://ada:secret@mirror.example.org/tensorflow.whl",
    "https://mirror.example.org/tensorflow.whl#sha256=0",
    "https://mirror.example.org/tensor flow.whl",
    "https://mirror.example.org/tensorflow.whl\n",
    "x https://mirror.example.org/tensorflow.whl",
  ],
};
const projectId: Edges = {
  taken: ["lab-12", `a${long(28)}1`, "a----b"],
  refused: ["lab-1", long(31), "1ab-1234", "lab-1234-", "Lab-1234", "lab_1234", "lab-1234\n"],
};
const projectNumber: Edges = {
  taken: ["12345", long(19, "9")],
  refused: ["1234", long(20, "9"), "0123456", "lab-1234", "12345\n"],
};
const region: Edges = {
  taken: ["us-central1", "europe-west12", "asia-east1"],
  refused: [
    "eu",
    "europe-west1-b",
    "europe-west",
    "us-central123",
    "Europe-west1",
    "us_central1",
    "us-central1\n",
  ],
};
const serviceAccount: Edges = {
  taken: [account, "a@b.gserviceaccount.com"],
  refused: [
    "ada@example.org",
    "A@b.gserviceaccount.com",
    "a@gserviceaccount.com.evil.org",
    "@b.gserviceaccount.com",
    `x ${account}`,
  ],
};
const clientAccounts: Edges = {
  taken: [[], [account]],
  refused: serviceAccount.refused.map((one) => [account, one]),
};
const runtime: Edges = {
  taken: ["nodejs22", "nodejs24"],
  refused: ["nodejs20", "nodejs26", "python312", ""],
};
const databaseId: Edges = {
  taken: ["(default)", "abcd", `a${long(61)}1`],
  refused: ["abc", `a${long(62)}1`, "1abc", "abcd-", "Abcd", "default)", "(default"],
};
const prefix: Edges = {
  taken: ["ab", "a-2345678901234".slice(0, 14)],
  refused: ["a", long(15), "1ab", "ab-", "Ab", "a_b", "ab\n"],
};
/** What does not name a place in a bucket. */
const placeInBucket = ["", "/a", long(902), "a\nb", "\na", "a\n"];
const labels: Edges = {
  taken: [{}, { [`a${long(62)}`]: long(63) }, { "a_-1": "" }, { a: "-_9" }],
  refused: [
    { A: "x" },
    { "1": "x" },
    { [long(64)]: "x" },
    { a: long(64) },
    { a: "X" },
    { a: "é" },
    { "": "x" },
  ],
};
const budget: Edges = {
  taken: [null, { amount: 1, billing_account: "012345-6789AB-CDEF01" }],
  refused: [
    { amount: 0, billing_account: "012345-6789AB-CDEF01" },
    { amount: 1.5, billing_account: "012345-6789AB-CDEF01" },
    { amount: 1, billing_account: "012345-6789AB-CDEF0" },
    { amount: 1, billing_account: "012345-6789AB-CDEF0G" },
    { amount: 1, billing_account: "x012345-6789AB-CDEF01" },
    { amount: 1, billing_account: "012345-6789AB-CDEF012" },
    { amount: null, billing_account: "012345-6789AB-CDEF01" },
    { amount: 1, billing_account: null },
  ],
};
const alertEmails: Edges = {
  taken: [[], ["a@b.c"]],
  refused: [["a"], ["a@b"], ["a b@c.d"], ["a@b@c.d"], ["@b.c"], ["a@b.c", "x"]],
};
const operators: Edges = {
  taken: [["a@b.c"], ["ada@example.org", account]],
  refused: [[], ["a"], ["a@b"], ["user:a@b.c"], ["a,b@c.d"], ["a b@c.d"], ["a@b.c", "x"]],
};
const dispatch: Edges = {
  taken: [
    {},
    { max_concurrent: 1 },
    { max_per_second: 0.1 },
    { max_per_second: 500 },
    { max_concurrent: null },
  ],
  refused: [
    { max_concurrent: 0 },
    { max_concurrent: 5_001 },
    { max_concurrent: 1.5 },
    { max_per_second: 0 },
    { max_per_second: 500.1 },
    { max_per_second: -1 },
  ],
};
const overrides: Edges = {
  taken: [{}, { api: {} }, { api: {}, coordinator: {}, aggregator: {}, evaluator: {}, client: {} }],
  refused: [{ trainer: {} }, { api: {}, watchdog: {} }],
};
const schedule: Edges = {
  taken: ["*/10 * * * *", "0 0 1 1 0"],
  refused: ["hourly", "* * * *", "* * * * * *", " * * * * *", "* * * * * "],
};
const retryOf = (change: object) => ({
  max_attempts: 3,
  max_backoff_seconds: 30,
  max_doublings: 4,
  min_backoff_seconds: 1,
  ...change,
});
const limitsOf = (change: object) => ({
  concurrency: 80,
  max_instances: 3,
  memory_mib: 512,
  min_instances: 0,
  timeout_seconds: 60,
  vcpu: 1,
  ...change,
});
const https: Edges = {
  taken: ["https://coordinator.example.org"],
  refused: [
    "http://a.example.org",
    "https://",
    "https://a.example.org/",
    "https://a.example.org/x",
    "a.example.org",
  ],
};
/** The contract is given whole values by the root, which has the defaults. */
const wholeDispatch: Edges = {
  taken: dispatch.taken.map((one) => ({ max_concurrent: null, max_per_second: 50, ...(one as object) })),
  refused: dispatch.refused.map((one) => ({ max_concurrent: null, max_per_second: 50, ...(one as object) })),
};
const bucketName: Edges = {
  taken: ["abc", long(63), "1-2"],
  refused: ["ab", long(64), "-abc", "abc-", "Abc", "a_bc", "a.bc"],
};
const storageRoles: Edges = {
  taken: [[], grant("roles/storage.objectViewer")],
  refused: [
    grant("roles/storage.admin"),
    grant("roles/editor"),
    [...grant("roles/storage.objectUser"), ...grant("roles/owner")],
  ],
};

const folders: Readonly<Record<string, Readonly<Record<string, Edges>>>> = {
  ".": {
    alert_emails: alertEmails,
    archives_dir: { taken: [], refused: ["/nowhere"] },
    budget,
    client_accounts: clientAccounts,
    client_dispatch: dispatch,
    database_id: { taken: [null, ...databaseId.taken], refused: databaseId.refused },
    delete_protection: bool,
    function_overrides: overrides,
    labels,
    operators,
    point_in_time_recovery: bool,
    prefix,
    project_id: projectId,
    project_number: projectNumber,
    region,
    require_native_tensors: bool,
    runtime,
    tensorflow_wheel_url: wheelUrl,
    unused_update_days: { taken: [7, 365], refused: [6, 7.5, 0] },
    watchdog_schedule: schedule,
  },
  contract: {
    client_accounts: clientAccounts,
    client_dispatch: wholeDispatch,
    database_id: { taken: [null, ...databaseId.taken], refused: databaseId.refused },
    function_overrides: overrides,
    operators,
    prefix,
    project_id: projectId,
    project_number: projectNumber,
    region,
    require_native_tensors: bool,
    runtime,
  },
  "modules/accounts": {
    account_grants: {
      taken: [
        {},
        { a: grant("roles/iam.serviceAccountTokenCreator") },
        { a: grant("roles/iam.serviceAccountUser") },
      ],
      refused: [
        { a: grant("roles/iam.serviceAccountAdmin") },
        { a: grant("roles/iam.serviceAccountUser"), b: grant("roles/owner") },
      ],
    },
    accounts: {
      taken: [{ a: "abcdef" }, { a: `a${long(28)}1` }],
      refused: [
        { a: "abcde" },
        { a: long(31) },
        { a: "1abcdef" },
        { a: "abcdef-" },
        { a: "Abcdef" },
        { a: "abcdef", b: "x" },
      ],
    },
    project_grants: {
      taken: [[], grant("roles/logging.logWriter")],
      refused: [grant("roles/logging.admin"), grant("roles/monitoring.metricWriter"), grant("roles/editor")],
    },
    project_id: projectId,
  },
  "modules/bucket": {
    delete_protection: bool,
    expiring: {
      taken: [
        [],
        [{ age_days: 1, noncurrent_days: 1, suffixes: ["x"] }],
        [{ age_days: 30, noncurrent_days: 7, suffixes: ["x"] }],
      ],
      refused: [
        [{ age_days: 0, noncurrent_days: 1, suffixes: ["x"] }],
        [{ age_days: 1, noncurrent_days: 1, suffixes: [] }],
        [{ age_days: 1, noncurrent_days: 0, suffixes: ["x"] }],
      ],
    },
    folders: {
      taken: [{}, { "a-1": [] }, { a: grant("roles/storage.objectViewer") }],
      refused: [{ "A/": [] }, { a_b: [] }, { a: grant("roles/storage.admin") }],
    },
    grants: storageRoles,
    labels,
    name: bucketName,
    noncurrent_days: { taken: [1, 7], refused: [0, -1] },
    project_id: projectId,
    region,
    soft_delete_days: { taken: [0, 7, 90], refused: [-1, 1, 6, 91] },
    versioning: bool,
  },
  "modules/build": {
    build_account_email: serviceAccount,
    build_sources_grants: {
      taken: [[], grant("roles/storage.objectViewer")],
      refused: [grant("roles/editor"), grant("roles/run.admin")],
    },
    labels,
    project_id: projectId,
    region,
    repository_grants: {
      taken: [[], grant("roles/artifactregistry.writer")],
      refused: [grant("roles/editor"), grant("roles/storage.objectViewer")],
    },
    repository_id: { taken: ["a", long(63)], refused: ["", long(64), "1a", "a-", "A"] },
    sources_bucket: bucketName,
  },
  "modules/client_silo": {
    archive: { taken: [], refused: ["/nowhere/client-0123456789abcdef.zip", "README.md"] },
    bounds: {
      taken: [{}, { max_epochs: 1 }, { max_batch_size: 1, max_topology_bytes: 1, max_train_seconds: 1 }],
      refused: [
        { max_epochs: 0 },
        { max_batch_size: 1.5 },
        { max_topology_bytes: -1 },
        { max_train_seconds: 0 },
        { max_label_counts: 0 },
        { max_epochs: 5, max_batch_size: 0 },
      ],
    },
    client_id: { taken: ["a", "0", long(63)], refused: ["", long(64), "-a", "A", "a_b", "a\n"] },
    data_card: {
      taken: [{}, { samples: 1, classes: 1 }, { description: "x" }],
      refused: [{ samples: 0 }, { classes: 0 }],
    },
    data_path: { taken: ["a", "{data}/{clientId}/*.csv", long(901)], refused: placeInBucket },
    data_writers: {
      taken: [[], ["user:a@b.c", "group:a@b.c", "serviceAccount:a@b.c"]],
      refused: [
        ["a@b.c"],
        ["allUsers"],
        ["domain:b.c"],
        ["user:a"],
        ["user:a@b"],
        ["user:a@b.c", "allAuthenticatedUsers"],
      ],
    },
    delete_protection: bool,
    features_path: { taken: [null, "features.json", long(901)], refused: placeInBucket },
    federation: {
      taken: [{ coordinator_url: "https://a.example.org", task_invoker: account }],
      refused: [
        ...https.refused.map((url) => ({ coordinator_url: url, task_invoker: account })),
        ...serviceAccount.refused.map((email) => ({
          coordinator_url: "https://a.example.org",
          task_invoker: email,
        })),
      ],
    },
    labels,
    limits: {
      taken: [
        {},
        { memory_mib: 512 },
        { memory_mib: 1_024 },
        { memory_mib: 4_096, vcpu: 1 },
        { memory_mib: 8_192, vcpu: 2 },
        { memory_mib: 32_768, vcpu: 8 },
        { memory_mib: 16_384, vcpu: 6, timeout_seconds: 15 },
        { vcpu: 4, timeout_seconds: 1_800 },
      ],
      refused: [
        { memory_mib: 256 },
        { memory_mib: 3_000 },
        { memory_mib: 8_192, vcpu: 1 },
        { vcpu: 0.5 },
        { vcpu: 3 },
        { vcpu: 10 },
        { timeout_seconds: 14 },
        { timeout_seconds: 1_801 },
        { max_instances: 0 },
        { max_instances: 1_001 },
        { max_instances: 1.5 },
      ],
    },
    prefix,
    project_id: projectId,
    project_number: projectNumber,
    region,
    require_native_tensors: bool,
    runtime,
    tensorflow_wheel_url: wheelUrl,
  },
  "modules/database": {
    database_id: databaseId,
    delete_protection: bool,
    grants: {
      taken: [[], grant("roles/datastore.user")],
      refused: [grant("roles/datastore.owner"), grant("roles/editor")],
    },
    point_in_time_recovery: bool,
    project_id: projectId,
    region,
  },
  "modules/function": {
    account_email: serviceAccount,
    archive: { taken: [], refused: ["/nowhere/client-0123456789abcdef.zip", "versions.tf"] },
    build: {
      taken: [
        {
          account_email: account,
          repository: "projects/p/locations/l/repositories/r",
          sources_bucket: "abc",
        },
      ],
      refused: [
        "fedstratus",
        "projects/p/locations/l/repositories/r/x",
        "x/projects/p/locations/l/repositories/r",
      ].map((repository) => ({ account_email: account, repository, sources_bucket: "abc" })),
    },
    description: { taken: ["", long(200)], refused: [long(201)] },
    entry_point: {
      taken: ["api", "coordinator", "aggregator", "evaluator", "client"],
      refused: ["trainer", ""],
    },
    environment: {
      taken: [{}, { A_1: "x" }],
      refused: [{ a: "x" }, { "1A": "x" }, { "A-B": "x" }, { CALLERS_CHECKED_BY_REGION: "true" }],
    },
    ingress: {
      taken: ["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"],
      refused: ["ALLOW", ""],
    },
    labels,
    limits: {
      taken: [
        limitsOf({ concurrency: 1, vcpu: 0.5 }),
        limitsOf({ min_instances: 3 }),
        limitsOf({ timeout_seconds: 15 }),
        limitsOf({ timeout_seconds: 1_800 }),
      ],
      refused: [
        limitsOf({ vcpu: 0.5 }),
        limitsOf({ min_instances: 4 }),
        limitsOf({ timeout_seconds: 14 }),
        limitsOf({ timeout_seconds: 1_801 }),
        limitsOf({ concurrency: 2, vcpu: 0.99 }),
      ],
    },
    name: { taken: ["a", long(49)], refused: ["", long(50), "1a", "a-", "A"] },
    project_id: projectId,
    region,
    runtime,
    service_grants: {
      taken: [[], grant("roles/run.invoker")],
      refused: [
        grant("roles/run.admin"),
        grant("roles/run.invoker", "allUsers"),
        grant("roles/run.invoker", "allAuthenticatedUsers"),
      ],
    },
    tensorflow_wheel_url: wheelUrl,
  },
  "modules/observability": {
    alert_emails: alertEmails,
    budget,
    labels,
    prefix,
    project_id: projectId,
    project_number: projectNumber,
    services: { taken: [["a"]], refused: [[]] },
  },
  "modules/queue": {
    name: { taken: ["a", long(100), "A-9"], refused: ["", long(101), "a_b", "a b"] },
    project_id: projectId,
    queue_grants: {
      taken: [[], grant("roles/cloudtasks.enqueuer"), grant("roles/cloudtasks.viewer")],
      refused: [grant("roles/cloudtasks.admin"), grant("roles/editor")],
    },
    rate: {
      taken: [
        { max_concurrent: 1, max_per_second: 0.1 },
        { max_concurrent: 5_000, max_per_second: 500 },
      ],
      refused: [
        { max_concurrent: 0, max_per_second: 1 },
        { max_concurrent: 5_001, max_per_second: 1 },
        { max_concurrent: 1, max_per_second: 0 },
        { max_concurrent: 1, max_per_second: 501 },
      ],
    },
    region,
    retry: {
      taken: [
        retryOf({ max_attempts: -1 }),
        retryOf({ max_attempts: 1 }),
        retryOf({ min_backoff_seconds: 30 }),
        retryOf({ max_backoff_seconds: 3_600 }),
        retryOf({ min_backoff_seconds: 0.1 }),
      ],
      refused: [
        retryOf({ max_attempts: 0 }),
        retryOf({ max_attempts: -2 }),
        retryOf({ min_backoff_seconds: 0 }),
        retryOf({ min_backoff_seconds: 31 }),
        retryOf({ max_backoff_seconds: 3_601 }),
      ],
    },
  },
  "modules/services": {
    project_id: projectId,
    services: {
      taken: [["run.googleapis.com"]],
      refused: [["run"], ["run.example.com"], ["run.googleapis.com", "a"], ["x/run.googleapis.com"]],
    },
  },
  "modules/watchdog": {
    coordinator_url: https,
    deadline_seconds: { taken: [15, 1_800], refused: [14, 1_801] },
    invoker_email: serviceAccount,
    name: { taken: ["a", long(500), "A_-9"], refused: ["", long(501), "a b"] },
    project_id: projectId,
    region,
    schedule,
  },
};

/** Values with which the folder can be planned, of each variable that has a default or not. */
function base(folder: string): Readonly<Record<string, unknown>> {
  const archive = join(bench.archivesDir, "client-0123456789abcdef.zip");
  if (folder === ".") return fewest(bench.archivesDir);
  if (folder === "modules/client_silo")
    return fewestOfSilo(archive, { coordinator_url: "https://a.example.org", task_invoker: account });
  const declared = folders[folder] ?? {};
  const given: Readonly<Record<string, unknown>> = { ...fewest(""), archive, database_id: "(default)" };
  return Object.fromEntries(
    Object.entries(declared).map(([name, { taken }]) => [name, given[name] ?? taken[0]]),
  );
}

async function planWith(folder: string, changed: Readonly<Record<string, unknown>>) {
  const { code, output } = await bench.workspace.run(
    folder,
    "plan",
    "-no-color",
    "-lock=false",
    ...asArguments({ ...base(folder), ...changed }),
  );
  const errors = output.split(/^(?=.{0,2}Error: )/m).slice(1);
  const refused = errors.map((text) => /variable "(\w+)" \{/.exec(text)?.[1]);
  return { code, output, errors, refused: [...new Set(refused)].toSorted() };
}

describe.each(Object.keys(folders))("%s", (folder) => {
  const edges = folders[folder] ?? {};
  const rows = (kind: keyof Edges) =>
    Array.from({ length: Math.max(...Object.values(edges).map((one) => one[kind].length)) }, (_, index) =>
      Object.fromEntries(
        Object.entries(edges)
          .filter(([, one]) => one[kind].length > index)
          .map(([name, one]) => [name, one[kind][index]]),
      ),
    );

  beforeAll(async () => {
    await bench.workspace.run(folder, "init", "-backend=false", "-no-color");
  });

  it("knows the edges of every variable", () => {
    const text = readFileSync(join(configuration, folder, "variables.tf"), "utf8");
    expect(Object.keys(edges).toSorted()).toEqual(
      [...text.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name),
    );
  });

  it("takes the last values that are right", async () => {
    for (const row of rows("taken")) {
      const { code, output } = await planWith(folder, row);
      expect(code, `${JSON.stringify(row)}\n${output}`).toBe(0);
    }
  });

  it("refuses the first values that are wrong, and names the variable", async () => {
    for (const row of rows("refused")) {
      const { refused, output, errors } = await planWith(folder, row);
      expect(refused, `${JSON.stringify(row)}\n${output}`).toEqual(Object.keys(row).toSorted());
      // What is read says more than that it is wrong.
      for (const text of errors)
        expect(text).toMatch(/must |takes |which would|follows from|Unsuitable value|Invalid value/);
    }
  });

  it("refuses null where it is not meant", async () => {
    const text = readFileSync(join(configuration, folder, "variables.tf"), "utf8");
    const nullable = [...text.matchAll(/^variable "(\w+)" \{\n([\s\S]*?)^\}/gm)]
      .filter(
        ([, , body = ""]) => !body.includes("nullable    = false") && !body.includes("nullable = false"),
      )
      .map(([, name]) => name);
    expect(nullable).toEqual(
      Object.keys(edges).filter(
        (name) =>
          ["budget", "database_id", "features_path", "tensorflow_wheel_url"].includes(name) &&
          folder !== "modules/database",
      ),
    );
  });
});

describe("the contract's limits", () => {
  const one = (name: string, change: object) => ({ function_overrides: { [name]: change } });
  const taken: readonly Readonly<Record<string, unknown>>[] = [
    ...[128, 256, 512, 1_024, 2_048, 4_096].map((memory_mib) => one("api", { memory_mib })),
    ...[8_192, 16_384, 32_768].map((memory_mib) => one("client", { memory_mib, vcpu: 2 })),
    ...[1, 2, 4, 6, 8].map((vcpu) => one("evaluator", { vcpu })),
    ...[0.08, 0.99].map((vcpu) => one("aggregator", { vcpu })),
    ...[1, 1_000].map((concurrency) => one("coordinator", { concurrency })),
    one("api", { timeout_seconds: 15 }),
    one("client", { timeout_seconds: 15 }),
    one("api", { timeout_seconds: 1_800 }),
    one("api", { min_instances: 2 }),
    one("client", { max_instances: 1_000 }),
    { client_dispatch: { max_concurrent: 10, max_per_second: 1 } },
    { client_dispatch: { max_concurrent: 11, max_per_second: 1 }, client_accounts: [account] },
    { client_dispatch: { max_concurrent: 20, max_per_second: 1 }, ...one("client", { max_instances: 20 }) },
  ];
  const refused: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    ...[64, 500, 65_536].map((memory_mib) => [one("api", { memory_mib }), /memory_mib must be 128/] as const),
    ...[0.07, 3, 5, 7, 10].map((vcpu) => [one("client", { vcpu }), /vcpu must be 1, 2, 4, 6 or 8/] as const),
    ...[8_192, 16_384, 32_768].map(
      (memory_mib) => [one("evaluator", { memory_mib }), /need at least 2 vCPUs/] as const,
    ),
    [one("api", { vcpu: 0.99 }), /A concurrency above 1 needs at least 1 vCPU/],
    ...[0, 1.5, 1_001].map(
      (concurrency) => [one("api", { concurrency }), /concurrency must be a whole/] as const,
    ),
    ...["aggregator", "evaluator", "client"].map(
      (name) => [one(name, { concurrency: 2 }), /concurrency 1 only/] as const,
    ),
    [one("api", { min_instances: -1 }), /min_instances must be from 0/],
    [one("api", { min_instances: 3 }), /min_instances must be from 0/],
    [one("client", { max_instances: 1_001 }), /max_instances at most 1000/],
    ...[14, 1_801].map((timeout_seconds) => [one("api", { timeout_seconds }), /from 15 to 1800/] as const),
    [one("coordinator", { timeout_seconds: 59 }), /A task's deadline must not be beyond/],
    [one("aggregator", { timeout_seconds: 539 }), /A task's deadline must not be beyond/],
    [one("evaluator", { timeout_seconds: 539 }), /A task's deadline must not be beyond/],
    [
      { client_dispatch: { max_concurrent: 11, max_per_second: 1 } },
      /is 11, but the client function has at most 10 instances/,
    ],
  ];

  it.each(taken)("take %j", async (inputs) => {
    const { code, output } = await planWith("contract", inputs);
    expect(code, output).toBe(0);
  });

  it.each(refused)("refuse %j", async (inputs, message) => {
    const { code, output } = await planWith("contract", inputs);
    expect(code).toBe(1);
    expect(output.replaceAll("\n", " ")).toMatch(message);
  });
});
