// CALLERS_CHECKED_BY_REGION makes a function trust claims whose signature was removed. It is set only where
// the region checks every caller, and there is no way to set it beside an invoker that anybody can be.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type PlannedResource, planProblems, valuesAt } from "../../infra/terraform/planRules.ts";
import { type Bench, openBench, plan, resourcesOf } from "./support.ts";

const account = "fedstratus-api@lab-1234.iam.gserviceaccount.com";
const variables = (members: readonly string[], environment: object = {}) => {
  const inputs = {
    account_email: account,
    archive: join(bench.archivesDir, "api-0123456789abcdef.zip"),
    build: {
      account_email: account,
      repository: "projects/lab-1234/locations/europe-west1/repositories/fedstratus",
      sources_bucket: "lab-1234-fedstratus-sources",
    },
    description: "",
    entry_point: "api",
    environment,
    ingress: "ALLOW_ALL",
    labels: {},
    limits: {
      concurrency: 1,
      max_instances: 1,
      memory_mib: 512,
      min_instances: 0,
      timeout_seconds: 60,
      vcpu: 1,
    },
    name: "fedstratus-api",
    project_id: "lab-1234",
    region: "europe-west1",
    runtime: "nodejs24",
    service_grants: members.map((member) => ({ role: "roles/run.invoker", member })),
  };
  return Object.entries(inputs).map(
    ([name, value]) => `-var=${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
};

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.workspace.run("modules/function", "init", "-backend=false", "-no-color");
});
afterAll(() => bench.close());

const checked = (resources: readonly PlannedResource[]) =>
  valuesAt(
    resources.map(({ values }) => values),
    ["service_config", "environment_variables", "CALLERS_CHECKED_BY_REGION"],
  );

it("is set where every caller is named", async () => {
  const planned = resourcesOf(
    await plan(bench.workspace, "modules/function", variables([`serviceAccount:${account}`])),
  );
  expect(checked(planned)).toEqual(["true"]);
});

it("cannot be set by hand", async () => {
  const planned = await plan(
    bench.workspace,
    "modules/function",
    variables([`serviceAccount:${account}`], { CALLERS_CHECKED_BY_REGION: "true" }),
  );
  expect(planned).toMatchObject({
    refusal: expect.stringContaining("CALLERS_CHECKED_BY_REGION follows from"),
  });
});

it.each(["allUsers", "allAuthenticatedUsers"])(
  "is not set beside %s, even where the module lets it in",
  async (member) => {
    const path = join(bench.workspace.dir, "modules/function/variables.tf");
    const original = await readFile(path, "utf8");
    const open = original.replace(
      /\n {2}validation \{\n[^\n]*grant\.role == "roles\/run\.invoker"[\s\S]*?\n {2}\}\n/,
      "\n",
    );
    expect(open).not.toBe(original);
    await writeFile(path, open);
    try {
      const members = [`serviceAccount:${account}`, member];
      const planned = resourcesOf(await plan(bench.workspace, "modules/function", variables(members)));
      expect(checked(planned)).toEqual([]);
      expect(planProblems(planned)).toContainEqual(expect.stringContaining(`${member} is every account`));
    } finally {
      await writeFile(path, original);
    }
  },
);

it.each([
  "google_cloud_run_service_iam_member",
  "google_cloud_run_v2_service_iam_member",
  "google_cloudfunctions2_function_iam_member",
])("is a problem of the plan beside a public %s", (type) => {
  const environment_variables = { CALLERS_CHECKED_BY_REGION: "true" };
  const function_: PlannedResource = {
    address: "function",
    type: "google_cloudfunctions2_function",
    values: { name: "fedstratus-api", service_config: [{ environment_variables }] },
  };
  const grantTo = (member: string): PlannedResource => ({
    address: "grant",
    type,
    values: {
      [type.includes("functions2") ? "cloud_function" : type.includes("v2") ? "name" : "service"]:
        "fedstratus-api",
      member,
      role: "roles/run.invoker",
    },
  });
  const problem = expect.stringContaining("CALLERS_CHECKED_BY_REGION, and anybody may call it");
  expect(planProblems([function_, grantTo("allUsers")])).toContainEqual(problem);
  expect(planProblems([function_, grantTo("allAuthenticatedUsers")])).toContainEqual(problem);
  expect(planProblems([function_, grantTo(`serviceAccount:${account}`)])).not.toContainEqual(problem);
});
