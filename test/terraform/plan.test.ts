// What would be created: the plans of the root and of the examples, against the rules and against the code.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { databaseIndexes } from "../../infra/box/databaseIndexes.ts";
import { type PlannedResource, valuesAt } from "../../infra/terraform/planRules.ts";
import { FlError } from "../../shared/core/errors.ts";
import { CONTROL_DEADLINE_SECONDS, FUNCTION_NAMES } from "../../shared/core/protocol/tasks.ts";
import { modelObject, updateObject } from "../../shared/core/round/objects.ts";
import { MAX_ATTEMPTS } from "../../shared/core/round/report.ts";
import { Capacity } from "../../shared/core/schemas/client.ts";
import { errorResponse } from "../../shared/http/errors.ts";
import { deploymentGrants, grantDifferences, siloGrants } from "./grants.ts";
import {
  type Bench,
  configuration,
  limitProblems,
  openBench,
  plan,
  problemsOf,
  resourcesOf,
  rootVariables,
} from "./support.ts";

const Lifecycle = z.object({
  lifecycle_rule: z.array(
    z.object({
      condition: z.array(
        z.object({
          days_since_noncurrent_time: z.number().nullable(),
          matches_suffix: z.array(z.string()).nullable(),
        }),
      ),
    }),
  ),
});

async function sources(...folders: readonly string[]): Promise<string> {
  const texts = folders.map(async (folder) => {
    const path = join(configuration, "..", folder);
    const files = (await readdir(path, { recursive: true })).filter((file) => file.endsWith(".ts"));
    return (await Promise.all(files.map((file) => readFile(join(path, file), "utf8")))).join("\n");
  });
  return (await Promise.all(texts)).join("\n");
}

let bench: Bench;
let root: readonly PlannedResource[];
let federation: readonly PlannedResource[];
let silo: readonly PlannedResource[];

beforeAll(async () => {
  bench = await openBench();
  const planned = async (folder: string, ...variables: readonly string[]) => {
    await bench.workspace.run(folder, "init", "-backend=false", "-no-color");
    return resourcesOf(await plan(bench.workspace, folder, variables));
  };
  root = await planned(".", ...rootVariables(bench.archivesDir));
  federation = await planned("examples/federation", `-var=archives_dir=${bench.archivesDir}`);
  silo = await planned("examples/silo", `-var=archive=${bench.archivesDir}/client-0123456789abcdef.zip`);
});
afterAll(() => bench.close());

const ofType = (resources: readonly PlannedResource[], type: string) =>
  resources.filter((resource) => resource.type === type);
const values = (resources: readonly PlannedResource[], path: string) =>
  resources.flatMap((resource) => valuesAt(resource.values, path.split(".")));

describe("the plans", () => {
  it("break no rule and agree with the code", () => {
    expect(problemsOf(root)).toEqual([]);
    expect(problemsOf(federation)).toEqual([]);
    expect(problemsOf(silo)).toEqual([]);
  });

  it("have the limits of the local cloud, where none is overridden", () => {
    expect(limitProblems(root)).toEqual([]);
    expect(limitProblems(federation)).toContain("client: memoryMib is 4096, not as in the local cloud");
  });
});

describe("the grants", () => {
  it("are those of the table, no more and no less", () => {
    expect(grantDifferences(root, "lab-1234", deploymentGrants)).toEqual([]);
    expect(grantDifferences(silo, "clinic-07-data", siloGrants)).toEqual([]);
  });
});

describe("the deployment", () => {
  it("has the five functions, each as an account of its own", () => {
    const functions = ofType(root, "google_cloudfunctions2_function");
    expect(values(functions, "build_config.entry_point").toSorted()).toEqual(FUNCTION_NAMES.toSorted());
    expect(new Set(values(functions, "service_config.service_account_email")).size).toBe(
      FUNCTION_NAMES.length,
    );
  });

  it("lets only the api and the coordinator be reached from outside", () => {
    const open = ofType(root, "google_cloudfunctions2_function").filter(
      (resource) => values([resource], "service_config.ingress_settings")[0] === "ALLOW_ALL",
    );
    expect(values(open, "build_config.entry_point").toSorted()).toEqual(["api", "coordinator"]);
  });

  it("gives the client its data and the coordinator, and nothing else", () => {
    const grants = root.filter(
      ({ values: { member } }) =>
        member === "serviceAccount:fedstratus-client@lab-1234.iam.gserviceaccount.com",
    );
    expect(grants.map(({ address }) => address.replace(/\[.*/, "")).toSorted()).toEqual([
      "module.data.google_storage_managed_folder_iam_member.main",
      "module.function",
    ]);
    expect(values(grants, "managed_folder")).toEqual(["clients/"]);
    expect(values(grants, "service")).toEqual(["fedstratus-coordinator"]);
  });

  it("lets only the coordinator call clients, as the client queue's account", () => {
    const mayEnqueue = ofType(root, "google_cloud_tasks_queue_iam_member").filter(
      ({ values: { name, role } }) => name === "fedstratus-client" && role === "roles/cloudtasks.enqueuer",
    );
    expect(values(mayEnqueue, "member")).toEqual([
      "serviceAccount:fedstratus-coordinator@lab-1234.iam.gserviceaccount.com",
    ]);
    const mayCall = ofType(root, "google_cloud_run_service_iam_member").filter(
      ({ values: { service } }) => service === "fedstratus-client",
    );
    expect(values(mayCall, "member")).toEqual([
      "serviceAccount:fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com",
    ]);
  });

  it("lets no task wait longer than its function works", () => {
    const timeouts = new Map(
      ofType(root, "google_cloudfunctions2_function").map((resource) => [
        values([resource], "build_config.entry_point")[0],
        Number(values([resource], "service_config.timeout_seconds")[0]),
      ]),
    );
    for (const [name, deadline] of Object.entries(CONTROL_DEADLINE_SECONDS)) {
      expect(deadline, name).toBeLessThanOrEqual(timeouts.get(name) ?? 0);
    }
    // A client is called with the timeout that it is registered with.
    expect(Capacity.parse({}).timeoutSeconds).toBeLessThanOrEqual(timeouts.get("client") ?? 0);
    const [attempt] = values(ofType(root, "google_cloud_scheduler_job"), "attempt_deadline");
    expect(Number.parseFloat(String(attempt))).toBeLessThanOrEqual(timeouts.get("coordinator") ?? 0);
  });

  it("expires unused updates, and no model", () => {
    const suffixes = values(
      ofType(root, "google_storage_bucket"),
      "lifecycle_rule.condition.matches_suffix",
    ).map(String);
    const expires = (name: string) => suffixes.some((suffix) => name.endsWith(suffix));
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      expect(expires(updateObject("run", { round: 1, clientId: "clinic", attempt })), `${attempt}`).toBe(
        true,
      );
    }
    for (const version of [0, 1, 9, 10, 11, 100, 9_999])
      expect(expires(modelObject("run-1", version))).toBe(false);
  });

  it("does not pay for updates that are consumed, and can bring a model back", () => {
    const [models] = ofType(root, "google_storage_bucket").filter(({ address }) =>
      address.includes("models"),
    );
    const { lifecycle_rule: rules } = Lifecycle.parse(models?.values);
    const daysKept = rules
      .flatMap(({ condition }) => condition)
      .filter(({ days_since_noncurrent_time: days }) => days !== null)
      .map(({ days_since_noncurrent_time: days, matches_suffix: suffixes }) => [
        days,
        suffixes?.[0] ?? "any",
      ]);
    expect(daysKept.toSorted()).toEqual([
      [1, "-1.safetensors"],
      [7, "any"],
    ]);
    const softDelete = ofType(root, "google_storage_bucket").map(
      ({ values: { name, soft_delete_policy } }) => [
        name,
        valuesAt(soft_delete_policy, ["retention_duration_seconds"])[0],
      ],
    );
    expect(Object.fromEntries(softDelete)).toEqual({
      "lab-1234-fedstratus-data": 7 * 86_400,
      "lab-1234-fedstratus-models": 0,
      "lab-1234-fedstratus-sources": 0,
    });
  });

  it("reports when a run stalls, functions fail, or tasks keep failing", () => {
    const alerts = ofType(root, "google_monitoring_alert_policy");
    expect(values(alerts, "display_name").toSorted()).toEqual([
      "fedstratus: a run stalled",
      "fedstratus: functions fail",
      "fedstratus: tasks keep failing",
      "fedstratus: tasks need an operator",
      "fedstratus: work without native TensorFlow",
    ]);
    const logged = values(alerts, "conditions.condition_matched_log.filter").map(String);
    const metrics = values(ofType(root, "google_logging_metric"), "filter");
    expect(logged).toHaveLength(3);
    expect(metrics, "the lines that are counted").toEqual(expect.arrayContaining(logged));

    const { status } = errorResponse(new FlError("unavailable", "What is repeated."));
    const counted = values(alerts, "conditions.condition_threshold.filter").map(String);
    expect(
      counted.filter((filter) => filter.includes(`metric.labels.response_code="${status}"`)),
    ).toHaveLength(1);
    for (const filter of counted) expect(filter).toContain('"fedstratus-client","fedstratus-coordinator"');
  });

  it("indexes the fields that the functions query and no other, within the limit of a database", () => {
    const exempt = ofType(root, "google_firestore_field").filter(
      (resource) => values([resource], "index_config.indexes").flat().length === 0,
    );
    const byCollection = Map.groupBy(exempt, ({ values: { collection } }) => String(collection));
    const planned = Object.fromEntries(
      [...byCollection].map(([collection, fields]) => [
        collection,
        values(fields, "field").map(String).toSorted(),
      ]),
    );
    const wanted = Object.entries(databaseIndexes.unindexed).map(
      ([collection, fields]) => [collection, fields.toSorted()] as const,
    );
    // A new field of a document belongs into the table of modules/database/indexes.tf, unless it is queried.
    expect(planned).toEqual(Object.fromEntries(wanted));
    for (const [collection, fields] of wanted) expect(fields, collection).not.toHaveLength(0);
    expect(exempt.length).toBeLessThanOrEqual(200);
    const composite = ofType(root, "google_firestore_index").map(({ values: index }) => ({
      collectionId: index["collection"],
      scope: index["query_scope"],
      fields: valuesAt(index["fields"], ["field_path"]),
    }));
    expect(composite).toEqual(expect.arrayContaining([...databaseIndexes.composite]));
    expect(composite).toHaveLength(databaseIndexes.composite.length);
  });

  it("removes checks, idempotency records and invocations by the fields that they have", () => {
    const expiring = ofType(root, "google_firestore_field").filter(
      (resource) => values([resource], "ttl_config").length > 0 && resource.address.includes("expiring"),
    );
    expect(expiring.map(({ values: { collection, field } }) => [collection, field])).toEqual([
      ["checks", "deleteAt"],
      ["idempotency", "expiresAt"],
      ["invocations", "deleteAt"],
    ]);
  });

  it("counts messages that the functions write", async () => {
    const filters = values(ofType(root, "google_logging_metric"), "filter").map(String);
    const messages = new Set(
      filters.flatMap((filter) => [...(/message="([^"]+)"/.exec(filter)?.slice(1) ?? [])]),
    );
    const text = await sources("functions", "shared");
    const named = [...text.matchAll(/^export const ([A-Z_]+) = ("[^"]+");$/gm)];
    const written = named.reduce((all, [, name, value]) => all.replaceAll(`(${name},`, `(${value},`), text);
    expect(messages.size).toBeGreaterThan(3);
    for (const message of messages)
      expect(written, message).toMatch(new RegExp(`\\.(info|warn|error)\\("${message}"`));
  });

  it("protects what cannot be made again", () => {
    expect(values(ofType(root, "google_firestore_database"), "deletion_policy")).toEqual(["ABANDON"]);
    const kept = ofType(root, "google_storage_bucket").filter(
      ({ values: { force_destroy } }) => force_destroy === false,
    );
    expect(values(kept, "name").toSorted()).toEqual([
      "lab-1234-fedstratus-data",
      "lab-1234-fedstratus-models",
    ]);
  });
});

describe("another organisation", () => {
  it("is called by the federation's client queue only, and grants nothing else to strangers", () => {
    const foreign = silo.filter(
      ({ values: { member } }) => typeof member === "string" && !member.includes("@clinic-07-data."),
    );
    expect(foreign.map(({ type, values: { member } }) => [type, member])).toEqual([
      [
        "google_cloud_run_service_iam_member",
        "serviceAccount:fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com",
      ],
    ]);
  });

  it("may call the coordinator of the federation that names it", () => {
    const mayCall = ofType(federation, "google_cloud_run_service_iam_member").filter(
      ({ values: { service } }) => service === "fedstratus-coordinator",
    );
    expect(values(mayCall, "member")).toContain(
      "serviceAccount:fedstratus-client@clinic-07-data.iam.gserviceaccount.com",
    );
  });
});
