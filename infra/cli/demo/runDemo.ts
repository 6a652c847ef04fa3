// `npm run demo`: a federated run on real images, from an empty local cloud to a closing table. It uses what
// a user has: the bundles, the HTTP API and the data sets in their owners' bucket.

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { aggregationOf } from "../../../shared/core/methods/aggregation/aggregationOf.ts";
import { AggregationOptions } from "../../../shared/core/methods/aggregation/options.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { type Box, type BoxOptions, clientAccount, dataObjects, startBox } from "../../box/box.ts";
import { keptBundles } from "../../bundle/keptBundles.ts";
import { loadFashionMnist } from "../../data/fashionMnist.ts";
import { dataFolder } from "../../data/fashionMnistFiles.ts";
import { encodeImages } from "../../data/images.ts";
import { dirichletParts } from "../../data/partition/dirichlet.ts";
import { type ApiClient, apiClient } from "../apiClient.ts";
import { failureText } from "../commandLine.ts";
import { describeEndpoints } from "../endpoints.ts";
import { requireFolder, requireTemporaryFolder } from "../files.ts";
import { type Followed, followRun } from "../followRun.ts";
import { interruption } from "../interruption.ts";
import { backendInWords, tokenCache } from "../operator.ts";
import { registerAll } from "../registerAll.ts";
import { isWanted, requireResultPlace, screenOf, writeResultFile } from "../resultPlace.ts";
import { untilAborted } from "../runBox.ts";
import { comparisonLines } from "../view/comparison.ts";
import { createView } from "../view/createView.ts";
import { type DemoReport, demoReport } from "../view/demoReport.ts";
import type { DemoView, ViewStream } from "../view/demoView.ts";
import { rememberedRun, rememberRun } from "./demoFile.ts";
import { checkDemoOptions, type DemoOptions, type StrategyName } from "./demoOptions.ts";
import {
  type DemoFunctions,
  demoFunctions,
  drawPopulation,
  faultsOf,
  type Population,
} from "./population.ts";

/** A client's function gives up after this; one that crashed is thought to be at work for as long. */
const CLIENT_TIMEOUT_SECONDS = 45;
/**
 * The longest round. Before anybody's time is known, cold starts of a whole cohort share the cores of this
 * machine.
 */
const MAX_DEADLINE_SECONDS = 40;
/** An instance that has nothing to do for so long ends, and its next request is a cold start. */
const IDLE_SECONDS = 40;
/** Label skew: most clients know a few classes well and the others hardly. */
const PARTITION = { alpha: 1, minSamples: 100, samplesPerClient: 700 } as const;
const INTERRUPTED = "interrupted; the local cloud is being stopped";

/** @returns the exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const stop = interruption();
  const screen = screenOf<NodeJS.WriteStream>(options.result, process.stdout, process.stderr);
  const view = () => createView({ stream: screen });
  const reports: DemoReport[] = [];
  try {
    checkDemoOptions(options);
    requireResultPlace(options.result);
    requireTemporaryFolder();
    requireFolder("--data", options.data, 0o700);
    for (const strategy of options.strategy) {
      const report = await train({ options, strategy, screen, view: view(), signal: stop.signal }, reports);
      if (report === null) return stop.exitCode();
    }
    if (reports.length > 1) for (const line of comparisonLines(reports)) screen.write(`${line}\n`);
    if (options.result.isPrinted) process.stdout.write(`${JSON.stringify(resultOf(options, reports))}\n`);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return stop.exitCode();
    view().fail(failureText(error));
    return 1;
  } finally {
    stop.dispose();
  }
}

interface Training {
  readonly options: DemoOptions;
  readonly strategy: StrategyName;
  readonly view: DemoView;
  /** For what a person reads beside it. */
  readonly screen: ViewStream;
  readonly signal: AbortSignal;
}

/** One run in a local cloud of its own; its report is added to the others. Null when it was interrupted. */
async function train(training: Training, reports: DemoReport[]): Promise<DemoReport | null> {
  const { options, screen, view, signal } = training;
  const startedMs = performance.now();
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const runId = options.data === undefined ? null : await rememberedRun(options.data, options);
  const population = drawPopulation(options.clients, options.seed, options.stragglers);
  const trainers = trainersOf(population, options);
  let box: Box | null = null;
  try {
    box = await startBox({
      firestore: options.firestore,
      bundles: await keptBundles(),
      ...functionsFor(trainers, options),
      cacheDir: join(root, ".cache"),
      ...(options.data === undefined ? {} : { dataDir: options.data }),
      faults: faultsOf(population, trainers),
      // Regions do both.
      removesSignatures: options.seed % 2 === 1,
      seed: options.seed,
    });
    signal.throwIfAborted();
    const api = apiClient(box.apiUrl, tokenCache(box));
    const report = await follow({ ...training, population, trainers, box, api, root, startedMs }, runId);
    if (report !== null) {
      view.finish(report);
      reports.push(isWanted(options.result) ? { ...report, recording: await recorded(api, report) } : report);
      await writeReports(options, reports);
      if (options.keep) {
        screen.write(`\n${describeEndpoints(box, await box.operatorToken(box.apiUrl))}\n`);
        await untilAborted(signal);
      }
      return report;
    }
    view.fail(INTERRUPTED);
    return null;
  } catch (error) {
    if (signal.aborted) view.fail(INTERRUPTED);
    throw error;
  } finally {
    await box?.stop();
  }
}

/** One object for one strategy, an array for several. */
function resultOf({ strategy }: DemoOptions, reports: readonly DemoReport[]): unknown {
  return strategy.length === 1 ? reports[0] : reports;
}

async function writeReports(options: DemoOptions, reports: readonly DemoReport[]): Promise<void> {
  await writeResultFile(options.result, `${JSON.stringify(resultOf(options, reports), null, 2)}\n`);
}

/** The run as the API answers it, which the simulator can replay. */
async function recorded(api: ApiClient, { runId }: DemoReport) {
  const rounds = await api.rounds(runId);
  const invocations: Invocation[] = [];
  for (const { round } of rounds) invocations.push(...(await api.invocations(runId, round)));
  return {
    run: z.encode(Run, await api.run(runId)),
    rounds: rounds.map((round) => z.encode(Round, round)),
    invocations: invocations.map((invocation) => z.encode(Invocation, invocation)),
  };
}

interface Demo extends Training {
  readonly population: Population;
  readonly trainers: DemoFunctions;
  readonly box: Box;
  readonly api: ApiClient;
  readonly root: string;
  readonly startedMs: number;
}

/**
 * Starts the run, or goes on with one that was started before, and follows it to its end; null when it was
 * interrupted.
 *
 * @param knownRunId of the run to go on with; null: there is none yet
 */
async function follow(demo: Demo, knownRunId: string | null): Promise<DemoReport | null> {
  const { options, strategy, population, box, api, view, signal } = demo;
  view.start({
    title: "The 582,026-parameter CNN on Fashion-MNIST",
    backend: await backendInWords(demo.root),
    firestore: box.firestore,
    clients: options.clients,
    cohort: options.cohort,
    rounds: options.rounds,
    strategy,
    seed: options.seed,
  });
  view.note(
    `slow: ${population.slow.join(", ") || "none"} · crashing: ${population.crashing.join(", ") || "none"}`,
  );
  if (knownRunId !== null) view.note(`going on with run ${knownRunId}, as ${options.data} has it`);
  const runId = knownRunId ?? (await createRun(demo));
  const followed = await followRun(runId, api, view, signal);
  return followed === null ? null : reportOf(demo, followed);
}

/**
 * Gives the clients their data, registers them and creates the run, at the same time. After an interruption
 * anywhere in it, it is repeated.
 */
async function createRun(demo: Demo): Promise<string> {
  const { options, api, view } = demo;
  const create = async () => {
    const images = await uploadEvaluationData(demo); // The run is prepared with it.
    const run = await api.createRun(specOf(demo), options.data === undefined ? undefined : "demo");
    return { images, runId: run.runId };
  };
  const [{ images, runId }, sizes] = await Promise.all([
    create(),
    uploadClientsData(demo),
    registerAll(api, registrationsOf(demo), demo.signal),
  ]);
  view.note(
    `${sizes.reduce((sum, size) => sum + size, 0)} training images on ${sizes.length} clients ` +
      `(${Math.min(...sizes)} to ${Math.max(...sizes)} each), ${images} to score on`,
  );
  if (options.data !== undefined) await rememberRun(options.data, options, runId);
  return runId;
}

/** What trains for the demo's clients. */
export function trainersOf(
  population: Population,
  { ownFunctions }: Pick<DemoOptions, "ownFunctions">,
): DemoFunctions {
  return demoFunctions(population, {
    own: ownFunctions,
    // More would compute no faster, and each starts cold and takes memory.
    instances: availableParallelism(),
    timeoutSeconds: CLIENT_TIMEOUT_SECONDS,
    idleSeconds: IDLE_SECONDS,
  });
}

/** The same, as the local cloud is told. */
export function functionsFor(
  { functions }: DemoFunctions,
  { ownFunctions }: Pick<DemoOptions, "ownFunctions">,
): Pick<BoxOptions, "clientFunctions" | "clientQueueSettings"> {
  // More would wait at the functions, where a call that waits too long is refused.
  const queue = { clientQueueSettings: { maxConcurrentDispatches: availableParallelism() } };
  return { clientFunctions: functions, ...(ownFunctions ? {} : queue) };
}

export function registrationsOf({
  population,
  trainers,
  box,
}: Pick<Demo, "population" | "trainers" | "box">) {
  return population.clientIds.map((clientId) => {
    const name = trainers.nameOf(clientId);
    return {
      clientId,
      url: box.runtime.url(name),
      serviceAccount: clientAccount(name),
      capacity: { timeoutSeconds: CLIENT_TIMEOUT_SECONDS },
    };
  });
}

/** What is trained, whatever becomes of its result. */
type JobOptions = Omit<DemoOptions, "result">;

export function specOf({
  options,
  strategy,
}: {
  readonly options: JobOptions;
  readonly strategy: StrategyName;
}) {
  const aggregation = AggregationOptions.parse({ strategy: options.aggregation ?? "fedavg" });
  return {
    name: "fashion",
    model: { builtin: "mnist-cnn" },
    training: { localEpochs: 1, batchSize: 32, optimizer: { name: "adam", learningRate: 0.0015 } },
    selection: {
      ...(strategy === "fedlesscan" ? { strategy, idleSeconds: IDLE_SECONDS } : { strategy }),
      cohortSize: Math.min(options.cohort, options.clients),
    },
    round: {
      deadlineSeconds: MAX_DEADLINE_SECONDS,
      deadline: { kind: "adaptive" },
      minUpdates: Math.max(Math.min(2, options.cohort), aggregationOf(aggregation).least?.(aggregation) ?? 1),
    },
    aggregation,
    encoding: options.encoding ?? "f32",
    ...(options.validation === undefined ? {} : { evaluation: { federated: { share: options.validation } } }),
    stop: { rounds: options.rounds },
    seed: options.seed,
  } as const;
}

async function reportOf({ box, api, startedMs }: Demo, { run, rounds }: Followed): Promise<DemoReport> {
  const invocations = rounds.length === 0 ? [] : await api.invocations(run.runId, 1);
  return demoReport({
    run,
    rounds,
    wallSeconds: (performance.now() - startedMs) / 1_000,
    backend: invocations.find(({ training }) => training !== null)?.training?.backend ?? "unknown",
    firestore: box.firestore.implementation,
  });
}

/** Puts the data set that versions are scored on where it belongs. @returns how many images it has */
export async function uploadEvaluationData({ box, root }: Pick<Demo, "box" | "root">): Promise<number> {
  const test = await loadFashionMnist(dataFolder(root), "test");
  await box.putData(dataObjects.evaluation, encodeImages(test, [...test.labels.keys()]));
  return test.labels.length;
}

/** Puts every client's data set where its owner keeps it. @returns how many images each has */
export async function uploadClientsData({
  options,
  population,
  box,
  root,
  signal,
}: Pick<Demo, "population" | "box" | "root" | "signal"> & { readonly options: JobOptions }): Promise<
  number[]
> {
  const train = await loadFashionMnist(dataFolder(root), "train");
  const parts = dirichletParts(train.labels, { clients: options.clients, seed: options.seed, ...PARTITION });
  for (const [index, clientId] of population.clientIds.entries()) {
    signal.throwIfAborted();
    await box.putData(dataObjects.client(clientId), encodeImages(train, parts[index] ?? []));
  }
  return parts.map((part) => part.length);
}
