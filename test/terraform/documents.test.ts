// What is written about terraform/ and beside it is true: tables, versions and locks, roles of a deployer,
// quotas.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { functionShapes } from "../../infra/box/deployment.ts";
import { tableFolders, unindexedFields, unindexedFile, withTables } from "../../infra/terraform/generated.ts";
import { readSchemas } from "../../infra/terraform/standInProvider.ts";
import { configuration } from "./support.ts";

const read = (file: string) => readFileSync(join(configuration, file), "utf8");
const files = readdirSync(configuration, { recursive: true, encoding: "utf8" }).filter(
  (file) => !file.includes(".terraform/"),
);

describe("what is generated", () => {
  it.each(tableFolders)("is what npm run terraform:tables writes: %s", (folder) => {
    expect(readFileSync(join(folder, "README.md"), "utf8")).toBe(withTables(folder));
  });

  it("holds every field that no query needs", () => {
    expect(readFileSync(unindexedFile, "utf8")).toBe(unindexedFields());
  });
});

describe("versions", () => {
  const schemas = Object.entries(readSchemas());

  it("allow the providers that are checked, and no other minor version", () => {
    const constraints = files
      .filter((file) => file.endsWith(".tf"))
      .flatMap((file) =>
        [...read(file).matchAll(/source {2}= "hashicorp\/(\w+)"\n\s+version = "([^"]+)"/g)].map(
          ([, name, version]) => `${name} ${version}`,
        ),
      );
    expect(constraints.length).toBeGreaterThan(13);
    const allowed = schemas.map(([name, { version }]) => `${name} ~> ${version}`);
    expect([...new Set(constraints)].toSorted()).toEqual(allowed.toSorted());
  });

  it("are required wherever a provider is", () => {
    const folders = [
      ".",
      ...["modules", "examples"].flatMap((one) =>
        readdirSync(join(configuration, one)).map((name) => `${one}/${name}`),
      ),
    ];
    for (const folder of folders) {
      const texts = files
        .filter((file) => file.endsWith(".tf") && join(file, "..") === (folder === "." ? "." : folder))
        .map(read)
        .join("\n");
      expect(texts, folder).toContain('required_version = ">= 1.9, < 2.0"');
      for (const [name] of schemas) {
        if (texts.includes(`resource "${name}_`)) expect(texts, folder).toContain(`hashicorp/${name}"`);
      }
    }
  });

  it.each([".", "examples/federation", "examples/silo"])("are locked where one applies: %s", (folder) => {
    const lock = read(join(folder, ".terraform.lock.hcl"));
    for (const [name, { version }] of schemas) {
      const [, block = ""] = new RegExp(`hashicorp/${name}" \\{\\n([\\s\\S]*?)\\n\\}`).exec(lock) ?? [];
      expect(block).toContain(`version     = "${version}"`);
      expect(block).toContain(`constraints = "~> ${version}"`);
      expect(block.match(/"zh:[0-9a-f]{64}"/g)).toHaveLength(12);
    }
    expect(lock).toBe(read(".terraform.lock.hcl"));
  });

  it("leave the provider to the one who applies: a module has none", () => {
    const inside = files.filter((file) => file.endsWith(".tf") && /^provider "/m.test(read(file)));
    expect(inside.toSorted()).toEqual(["examples/federation/main.tf", "examples/silo/main.tf"]);
    expect(read("examples/federation/main.tf")).toMatch(
      /billing_project +=.*\n +user_project_override = true/,
    );
  });
});

describe("the guide", () => {
  const readme = read("README.md");

  it("names a role of the deployer for each resource", () => {
    const roleOf: Readonly<Record<string, string>> = {
      google_artifact_registry_repository: "artifactregistry.admin",
      google_artifact_registry_repository_iam_member: "artifactregistry.admin",
      google_billing_budget: "billing.costsManager",
      google_cloud_run_service_iam_member: "run.admin",
      google_cloud_scheduler_job: "cloudscheduler.admin",
      google_cloud_tasks_queue: "cloudtasks.admin",
      google_cloud_tasks_queue_iam_member: "cloudtasks.admin",
      google_cloudfunctions2_function: "cloudfunctions.admin",
      google_firestore_database: "datastore.owner",
      google_firestore_field: "datastore.owner",
      google_firestore_index: "datastore.owner",
      google_logging_metric: "logging.configWriter",
      google_monitoring_alert_policy: "monitoring.editor",
      google_monitoring_dashboard: "monitoring.editor",
      google_monitoring_notification_channel: "monitoring.editor",
      google_project_iam_member: "resourcemanager.projectIamAdmin",
      google_project_service: "serviceusage.serviceUsageAdmin",
      google_service_account: "iam.serviceAccountAdmin",
      google_service_account_iam_member: "iam.serviceAccountAdmin",
      google_storage_bucket: "storage.admin",
      google_storage_bucket_iam_binding: "storage.admin",
      google_storage_bucket_iam_member: "storage.admin",
      google_storage_bucket_object: "storage.admin",
      google_storage_managed_folder: "storage.admin",
      google_storage_managed_folder_iam_member: "storage.admin",
    };
    const table = readme.slice(readme.indexOf("<!-- deployer -->")).split("\n\n")[0] ?? "";
    const named = [...table.matchAll(/^\| `roles\/([\w.]+)`/gm)].map(([, role]) => role);
    const types = Object.keys(readSchemas().google.resources);
    expect(types.filter((type) => roleOf[type] === undefined)).toEqual([]);
    // Functions and tasks run as accounts, for which no resource stands.
    const wanted = new Set([...types.map((type) => roleOf[type]), "iam.serviceAccountUser"]);
    expect(named.toSorted()).toEqual([...wanted].toSorted());
  });

  it("holds the backend as Terraform writes it", () => {
    expect(/<!-- backend -->\n```hcl\n([^`]*)```/.exec(readme)?.[1]).toBe(
      'terraform {\n  backend "gcs" {\n    prefix = "fedstratus"\n  }\n}\n',
    );
  });

  it("says what 1,000 clients need", () => {
    const { client } = functionShapes;
    const rows = [
      ...readme.matchAll(
        /^\| (?:in turns.*?|all at once) \| ([0-9,]+) \| ([0-9,]+) vCPUs, ([0-9,]+) GiB \|/gm,
      ),
    ].map((row) => row.slice(1).map((text) => Number(text.replace(",", ""))));
    expect(rows.map(([instances]) => instances)).toEqual([client.maxInstances, 100, 1_000]);
    for (const [instances = 0, vcpus, gib] of rows) {
      expect([vcpus, gib]).toEqual([instances * client.vcpu, (instances * client.memoryMib) / 1_024]);
    }
  });
});

it("all instances fit into what a new project may have in a region", () => {
  const shapes = Object.values(functionShapes);
  const sum = (of: (shape: (typeof shapes)[number]) => number) =>
    shapes.reduce((total, shape) => total + of(shape) * shape.maxInstances, 0);
  expect(sum(({ vcpu }) => vcpu)).toBeLessThanOrEqual(20);
  expect(sum(({ memoryMib }) => memoryMib)).toBeLessThanOrEqual(40 * 1_024);
  expect(functionShapes.client.maxInstances).toBeLessThanOrEqual(15);
});
