// The deployments and silos that golden/ holds, by name: which folder is applied with which inputs.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FUNCTION_NAMES } from "../../shared/core/protocol/tasks.ts";
import { type Applied, apply, asText } from "./applied.ts";
import { everything, everythingOfSilo, fewest, fewestOfSilo } from "./inputs.ts";
import { type Bench, openBench } from "./support.ts";
import type { Expected } from "./values.ts";

export const scenarioNames = [
  "root-fewest",
  "root-everything",
  "silo-fewest",
  "silo-everything",
  "example-federation",
  "example-silo",
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface Scenarios {
  readonly bench: Bench;
  apply(name: ScenarioName): Promise<Applied | { readonly refusal: string }>;
  /** As golden/ holds it. */
  text(applied: Applied): string;
  close(): Promise<void>;
}

/** What is expected of a scenario that its resources do not say themselves. */
export function expectedOf(name: ScenarioName): Expected {
  const coordinatorUrl =
    name === "silo-everything" ? everythingOfSilo("").federation.coordinator_url : federation.coordinator_url;
  const given = name === "silo-everything" ? everythingOfSilo("").bounds : {};
  const bounds = Object.fromEntries(
    Object.entries(given).map(([bound, value]) => [bound.toUpperCase(), String(value)]),
  );
  const wheelUrls: Partial<Record<ScenarioName, string>> = {
    "root-everything": everything("").tensorflow_wheel_url,
    "silo-everything": everythingOfSilo("").tensorflow_wheel_url,
  };
  const ward = name === "silo-everything" ? everythingOfSilo("") : undefined;
  return {
    dataPath: ward?.data_path,
    featuresPath: ward?.features_path,
    requireNativeTensors: !name.endsWith("everything"),
    wheelUrl: wheelUrls[name],
    coordinatorUrl,
    bounds,
  };
}

/** The output of root-fewest, and what the example of a silo is given. */
const federation = {
  coordinator_url: "https://fedstratus-coordinator-123456789012.europe-west1.run.app",
  task_invoker: "fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com",
};

/** A workspace in which every folder of the scenarios is initialised. */
export async function openScenarios(): Promise<Scenarios> {
  const bench = await openBench();
  const otherArchives = await mkdtemp(join(tmpdir(), "archives-"));
  const index = Object.fromEntries(FUNCTION_NAMES.map((name) => [name, `${name}-fedcba9876543210.zip`]));
  await writeFile(join(otherArchives, "archives.json"), JSON.stringify(index));
  for (const file of Object.values(index)) await writeFile(join(otherArchives, file), "");
  // A hundred fields less to make: which they are is known to plan.test.ts and documents.test.ts.
  await writeFile(join(bench.workspace.dir, "modules/database/unindexed.json"), '{"runs":["spec"]}');
  const archive = join(bench.archivesDir, "client-0123456789abcdef.zip");
  const otherArchive = join(otherArchives, "client-fedcba9876543210.zip");
  const scenarios = {
    "root-fewest": [".", fewest(bench.archivesDir)],
    "root-everything": [".", everything(otherArchives)],
    "silo-fewest": ["modules/client_silo", fewestOfSilo(archive, federation)],
    "silo-everything": ["modules/client_silo", everythingOfSilo(otherArchive)],
    "example-federation": ["examples/federation", { archives_dir: bench.archivesDir }],
    "example-silo": ["examples/silo", { archive }],
  } as const;
  for (const folder of new Set(Object.values(scenarios).map(([one]) => one)))
    await bench.workspace.run(folder, "init", "-backend=false", "-no-color");
  return {
    bench,
    apply: (name) => {
      const [folder, inputs] = scenarios[name];
      return apply(bench.workspace, folder, inputs);
    },
    text: (applied) =>
      asText(applied).replaceAll(bench.archivesDir, "ARCHIVES").replaceAll(otherArchives, "OTHER_ARCHIVES"),
    close: async () => {
      await bench.close();
      await rm(otherArchives, { recursive: true, force: true });
    },
  };
}
