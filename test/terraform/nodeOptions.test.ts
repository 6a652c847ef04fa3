// How Node is started in a function that computes: with the same heap as in the local cloud, where there is
// little memory.
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { valuesAt } from "../../infra/terraform/planRules.ts";
import { nodeOptions } from "../../shared/cloud/tensors/nodeOptions.ts";
import { type Bench, openBench, plan, resourcesOf } from "./support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.workspace.run("modules/function", "init", "-backend=false", "-no-color");
});
afterAll(() => bench.close());

const account = "fedstratus-client@lab-1234.iam.gserviceaccount.com";
const variablesOf = (memory_mib: number, environment: object) => {
  const inputs = {
    account_email: account,
    archive: join(bench.archivesDir, "api-0123456789abcdef.zip"),
    build: {
      account_email: account,
      repository: "projects/lab-1234/locations/europe-west1/repositories/fedstratus",
      sources_bucket: "lab-1234-fedstratus-sources",
    },
    description: "",
    entry_point: "client",
    environment,
    ingress: "ALLOW_ALL",
    labels: {},
    limits: { concurrency: 1, max_instances: 1, memory_mib, min_instances: 0, timeout_seconds: 60, vcpu: 1 },
    name: "fedstratus-client",
    project_id: "lab-1234",
    region: "europe-west1",
    runtime: "nodejs24",
    service_grants: [{ role: "roles/run.invoker", member: `serviceAccount:${account}` }],
  };
  return Object.entries(inputs).map(
    ([name, value]) => `-var=${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
};

it.each([
  [512, { REQUIRE_NATIVE_TENSORS: "true" }, nodeOptions(512)],
  [512, { REQUIRE_NATIVE_TENSORS: "false" }, nodeOptions(512)],
  [1_024, { REQUIRE_NATIVE_TENSORS: "true" }, undefined],
  [512, {}, undefined],
])("%d MiB, %j", async (memory_mib, environment, expected) => {
  const planned = await plan(bench.workspace, "modules/function", variablesOf(memory_mib, environment));
  const found = valuesAt(
    resourcesOf(planned).map(({ values }) => values),
    ["service_config", "environment_variables", "NODE_OPTIONS"],
  );
  expect(found).toEqual(expected === undefined ? [] : [expected]);
});

it("is set for a small memory alone", () => {
  expect(nodeOptions(1_023)).toBe("--max-old-space-size=96 --max-semi-space-size=4");
  expect(nodeOptions(1_024)).toBeUndefined();
});
