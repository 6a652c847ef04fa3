// What the tests of the Terraform configuration share: the stand-in provider, archives, plans, and all rules
// on a plan.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as z from "zod";
import { AggregatorEnv } from "../../functions/aggregator/env.ts";
import { ApiEnv } from "../../functions/api/env.ts";
import { ClientEnv } from "../../functions/client/env.ts";
import { CoordinatorEnv } from "../../functions/coordinator/env.ts";
import { EvaluatorEnv } from "../../functions/evaluator/env.ts";
import { functionShapes, queueSettings } from "../../infra/box/deployment.ts";
import { type PlannedResource, planProblems, valuesAt } from "../../infra/terraform/planRules.ts";
import { readSchemas, startStandInProviders } from "../../infra/terraform/standInProvider.ts";
import { openWorkspace, type Workspace } from "../../infra/terraform/terraform.ts";
import { FUNCTION_NAMES } from "../../shared/core/protocol/tasks.ts";

export const configuration = resolve(import.meta.dirname, "../../terraform");

export interface Bench {
  readonly workspace: Workspace;
  /** A folder as npm run bundle makes it; the archives are empty, because nothing here reads them. */
  readonly archivesDir: string;
  close(): Promise<void>;
}

/** A workspace with the stand-in provider. */
export async function openBench(): Promise<Bench> {
  const provider = await startStandInProviders(readSchemas());
  const workspace = await openWorkspace(configuration, provider.env);
  const archivesDir = await mkdtemp(join(tmpdir(), "archives-"));
  const index = Object.fromEntries(FUNCTION_NAMES.map((name) => [name, `${name}-0123456789abcdef.zip`]));
  await writeFile(join(archivesDir, "archives.json"), JSON.stringify(index));
  for (const file of Object.values(index)) await writeFile(join(archivesDir, file), "");
  return {
    workspace,
    archivesDir,
    close: async () => {
      provider.stop();
      await workspace.remove();
      await rm(archivesDir, { recursive: true, force: true });
    },
  };
}

/** The variables that have no default. */
export function rootVariables(archivesDir: string): readonly string[] {
  return [
    "-var=project_id=lab-1234",
    "-var=project_number=123456789012",
    "-var=region=europe-west1",
    '-var=operators=["ada@example.org"]',
    `-var=archives_dir=${archivesDir}`,
  ];
}

const Plan = z.object({
  resource_changes: z.array(
    z.object({
      address: z.string(),
      type: z.string(),
      change: z.object({ actions: z.array(z.string()), after: z.record(z.string(), z.unknown()).nullable() }),
    }),
  ),
});

export type Planned =
  | { readonly resources: readonly PlannedResource[] }
  /** What terraform said, when it found something wrong. */
  | { readonly refusal: string };

/** Plans a folder that is initialised. */
export async function plan(
  workspace: Workspace,
  folder: string,
  variables: readonly string[],
): Promise<Planned> {
  const planned = await workspace.run(
    folder,
    "plan",
    "-no-color",
    "-lock=false",
    "-out=plan.bin",
    ...variables,
  );
  if (planned.code !== 0) return { refusal: planned.output };
  const shown = await workspace.run(folder, "show", "-json", "plan.bin");
  if (shown.code !== 0) return { refusal: shown.output };
  const { resource_changes } = Plan.parse(JSON.parse(shown.output));
  return {
    resources: resource_changes.map(({ address, type, change }) => ({
      address,
      type,
      values: change.after ?? {},
    })),
  };
}

export function resourcesOf(planned: Planned): readonly PlannedResource[] {
  if ("refusal" in planned) throw new Error(planned.refusal);
  return planned.resources;
}

const environments = {
  api: ApiEnv,
  coordinator: CoordinatorEnv,
  aggregator: AggregatorEnv,
  evaluator: EvaluatorEnv,
  client: ClientEnv,
};
/**
 * Deployed functions take the defaults: whatever TensorFlow loads, the real trainer, and Google's storage.
 * Features files are there where an owner names them.
 */
const leftToDefaults = ["TENSORS", "TRAINER", "LINK_ORIGIN", "CLIENT_FEATURES", "EVALUATION_FEATURES"];

/** The names of an environment, without the bounds that an owner may set. */
function ownNames(environment: object): readonly string[] {
  return Object.keys(environment)
    .filter((variable) => !variable.startsWith("MAX_"))
    .filter((variable) => !leftToDefaults.includes(variable))
    .toSorted();
}

/** The names that a deployed function's environment has: all of its env.ts but those of the local cloud. */
function environmentNames(name: keyof typeof environments): readonly string[] {
  return Object.entries(environments[name].shape)
    .filter(([, { description }]) => description?.startsWith("Local cloud only") !== true)
    .map(([variable]) => variable)
    .filter((variable) => !variable.startsWith("MAX_")) // An owner may set them.
    .filter((variable) => !leftToDefaults.includes(variable))
    .toSorted();
}

/** Everything that is wrong with a plan, what differs from the code included. */
export function problemsOf(resources: readonly PlannedResource[]): readonly string[] {
  return [...planProblems(resources), ...codeProblems(resources)];
}

function codeProblems(resources: readonly PlannedResource[]): readonly string[] {
  const problems: string[] = [];
  const expectEqual = (address: string, what: string, found: unknown, wanted: unknown) => {
    const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (left !== right) problems.push(`${address}: ${what} is ${left}, in the code ${right}`);
  };
  for (const { address, type, values } of resources) {
    const one = (path: string) => valuesAt(values, path.split("."))[0];
    if (type === "google_cloudfunctions2_function") {
      const name = FUNCTION_NAMES.find((candidate) => candidate === one("build_config.entry_point"));
      if (name === undefined) continue;
      const environment = z.record(z.string(), z.string()).parse(one("service_config.environment_variables"));
      expectEqual(address, "the environment", ownNames(environment), environmentNames(name));
      const parsed = environments[name].safeParse(environment);
      if (!parsed.success) problems.push(`${address}: ${z.prettifyError(parsed.error)}`);
    }
    if (type === "google_cloud_tasks_queue") {
      const key = String(values["name"]).endsWith("-client") ? "client" : "control";
      const { maxAttempts, minBackoffMs, maxBackoffMs, maxDoublings } = queueSettings[key];
      expectEqual(address, "max_attempts", one("retry_config.max_attempts"), maxAttempts);
      expectEqual(address, "min_backoff", one("retry_config.min_backoff"), `${minBackoffMs / 1_000}s`);
      expectEqual(address, "max_backoff", one("retry_config.max_backoff"), `${maxBackoffMs / 1_000}s`);
      expectEqual(address, "max_doublings", one("retry_config.max_doublings"), maxDoublings);
    }
  }
  return problems;
}

/**
 * Where limits of the functions and of the client queue differ from the local cloud's; for plans without
 * overrides.
 */
export function limitProblems(resources: readonly PlannedResource[]): readonly string[] {
  const wantedCalls = queueSettings.client.maxConcurrentDispatches;
  const queueProblems = resources
    .filter(
      ({ type, values }) => type === "google_cloud_tasks_queue" && values["name"] === "fedstratus-client",
    )
    .flatMap(({ values }) => valuesAt(values, ["rate_limits", "max_concurrent_dispatches"]))
    .filter((calls) => calls !== wantedCalls)
    .map((calls) => `client queue: ${calls} calls at once, not as in the local cloud`);
  const functionProblems = FUNCTION_NAMES.flatMap((name) => {
    const planned = resources.find(
      ({ type, values }) =>
        type === "google_cloudfunctions2_function" &&
        valuesAt(values, ["build_config", "entry_point"])[0] === name,
    );
    const one = (path: string) => valuesAt(planned?.values, ["service_config", path])[0];
    const found = {
      memoryMib: Number.parseInt(String(one("available_memory")), 10),
      vcpu: Number(one("available_cpu")),
      timeoutSeconds: one("timeout_seconds"),
      concurrency: one("max_instance_request_concurrency"),
      maxInstances: one("max_instance_count"),
    };
    const wanted = functionShapes[name];
    return Object.entries(found)
      .filter(([key, value]) => value !== Object.entries(wanted).find(([known]) => known === key)?.[1])
      .map(([key, value]) => `${name}: ${key} is ${value}, not as in the local cloud`);
  });
  return [...queueProblems, ...functionProblems];
}
