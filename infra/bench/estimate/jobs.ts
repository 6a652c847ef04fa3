// The jobs that estimates are held to: the demo's, and the worked examples, each in a local cloud of its own.
import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Box, type BoxOptions, clientAccount, startBox } from "../../box/box.ts";
import { keptBundles } from "../../bundle/keptBundles.ts";
import type { ApiClient } from "../../cli/apiClient.ts";
import type { DemoOptions } from "../../cli/demo/demoOptions.ts";
import { drawPopulation, faultsOf } from "../../cli/demo/population.ts";
import {
  functionsFor,
  registrationsOf,
  specOf,
  trainersOf,
  uploadClientsData,
  uploadEvaluationData,
} from "../../cli/demo/runDemo.ts";
import { clientsWithData, readFederation } from "../../cli/federate/federationFile.ts";
import { readRunSpec } from "../../cli/federate/readRunSpec.ts";
import { dataAddress } from "../../data/dataAddress.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface Staged {
  readonly box: Box;
  readonly clients: readonly Parameters<ApiClient["register"]>[0][];
  /** The functions that train. */
  readonly functions: readonly string[];
  /** Samples that versions are scored on, as the caller knows them; null where it does not. */
  readonly testSamples: number | null;
  specFor(seed: number): Promise<unknown>;
}

export interface Job {
  readonly name: string;
  /** The caller stops the cloud. */
  start(signal: AbortSignal): Promise<Staged>;
}

async function boxOf(options: Omit<BoxOptions, "firestore" | "bundles" | "cacheDir">): Promise<Box> {
  return startBox({
    ...options,
    firestore: "embedded",
    bundles: await keptBundles(),
    cacheDir: join(root, ".cache"),
  });
}

/** The demo with few clients and rounds; one client is slow, one crashes. */
export function demoJob(rounds: number, clients = 6): Job {
  return {
    name: "demo",
    start: async (signal) => {
      const options: Omit<DemoOptions, "result"> = {
        strategy: ["fedlesscan"],
        rounds,
        clients,
        cohort: 4,
        ownFunctions: false,
        seed: 7,
        keep: false,
        firestore: "embedded",
      };
      const population = drawPopulation(clients, options.seed);
      const trainers = trainersOf(population, options);
      const box = await boxOf({
        ...functionsFor(trainers, options),
        faults: faultsOf(population, trainers),
        seed: 7,
      });
      const testSamples = await uploadEvaluationData({ box, root });
      await uploadClientsData({ options, population, box, root, signal });
      return {
        box,
        clients: registrationsOf({ population, trainers, box }),
        functions: trainers.functions.map(({ name }) => name),
        testSamples,
        specFor: async (seed) => specOf({ options: { ...options, seed }, strategy: "fedlesscan" }),
      };
    },
  };
}

interface Example {
  /** Its folder among the examples' prepared ones. */
  readonly name: string;
  readonly prepare: string;
  readonly options: readonly string[];
  /** Samples of its test set; null where nobody knows. */
  readonly testSamples: number | null;
}

/** The examples with so much data as the tests take. */
export const EXAMPLES = {
  images: {
    name: "images",
    prepare: "images",
    options: ["--clients", "3", "--samples", "150", "--test", "200"],
    testSamples: 200,
  },
  text: {
    name: "text",
    prepare: "text",
    options: ["--clients", "3", "--characters", "8000", "--test", "1000"],
    testSamples: null,
  },
  tabular: {
    name: "tabular/damage",
    prepare: "tabular",
    options: ["--clients", "5", "--rows", "600"],
    testSamples: null,
  },
} as const satisfies Readonly<Record<string, Example>>;

/** Copies the example into the folder and makes its data there. */
export async function exampleJob(
  folder: string,
  { name, prepare, options, testSamples }: Example,
  rounds: number,
): Promise<Job> {
  const copy = join(folder, prepare);
  await cp(join(root, "examples", prepare), copy, {
    recursive: true,
    filter: (source) => !/[/\\]data(\.partial)?$/.test(source),
  });
  const script = join(root, "examples", prepare, "prepare.ts");
  await promisify(execFile)(process.execPath, [script, "--out", join(copy, "data"), ...options], {
    cwd: root,
  });
  return federationJob(name, join(folder, name), rounds, testSamples);
}

const CLIENT = "client";
const [INSTANCES, TIMEOUT_SECONDS] = [2, 540];

/**
 * A federation in its folder, as `npm run federate` trains it.
 *
 * @param folder with its data made
 */
function federationJob(name: string, folder: string, rounds: number, testSamples: number | null): Job {
  return {
    name,
    start: async () => {
      const federation = await readFederation(folder);
      const { clients, test, features } = federation;
      const box = await boxOf({
        clientFunctions: [
          {
            name: CLIENT,
            clientId: "all",
            shape: { maxInstances: INSTANCES, timeoutSeconds: TIMEOUT_SECONDS },
          },
        ],
        clientQueueSettings: { maxConcurrentDispatches: INSTANCES },
        variables: {
          CLIENT_DATA: dataAddress(clients),
          EVALUATION_DATA: dataAddress(test),
          ...(features === undefined
            ? {}
            : { CLIENT_FEATURES: dataAddress(features), EVALUATION_FEATURES: dataAddress(features) }),
        },
      });
      return {
        box,
        clients: (await clientsWithData(clients)).map((clientId) => ({
          clientId,
          url: box.runtime.url(CLIENT),
          serviceAccount: clientAccount(CLIENT),
          capacity: { timeoutSeconds: TIMEOUT_SECONDS },
        })),
        functions: [CLIENT],
        testSamples,
        specFor: async (seed) => (await readRunSpec(federation, { rounds, seed })).body,
      };
    },
  };
}
