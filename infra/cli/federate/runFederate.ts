// `npm run federate -- FOLDER`: trains a federation of one's own in the local cloud, with the bundles and the
// HTTP API that a deployment has; data are read where they lie.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import type { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { type Box, type BoxOptions, clientAccount, startBox } from "../../box/box.ts";
import { keptBundles } from "../../bundle/keptBundles.ts";
import { dataAddress } from "../../data/dataAddress.ts";
import { type ApiClient, apiClient } from "../apiClient.ts";
import { failureText } from "../commandLine.ts";
import { describeEndpoints } from "../endpoints.ts";
import { readModel } from "../export/models/readModel.ts";
import { readBytes, requireTemporaryFolder } from "../files.ts";
import { type Followed, followRun } from "../followRun.ts";
import { interruption } from "../interruption.ts";
import { backendInWords, tokenCache } from "../operator.ts";
import { registerAll } from "../registerAll.ts";
import { isWanted, type ResultPlace, requireResultPlace, screenOf, writeResultFile } from "../resultPlace.ts";
import { clientVariables, untilAborted } from "../runBox.ts";
import { createView } from "../view/createView.ts";
import { demoReport } from "../view/demoReport.ts";
import type { DemoView } from "../view/demoView.ts";
import { baselines, readBaselineData } from "./baselines.ts";
import { comparisonLines, comparisonOf, type Trial } from "./comparison.ts";
import { failureLines, type OwnersLog, ownersLog } from "./failures.ts";
import { clientsWithData, type Federation, readFederation, refused } from "./federationFile.ts";
import { readRunSpec, type WrittenSpec } from "./readRunSpec.ts";

export interface FederateOptions {
  /** Of the run, in the place of the spec's; several are trained one after the other. */
  readonly seeds?: readonly number[];
  /** In the place of the spec's. */
  readonly rounds?: number;
  /** Whether to train centrally and each client alone as well. */
  readonly compare: boolean;
  readonly keep: boolean;
  /** Where runs and scores go, beside what a person sees. */
  readonly result: ResultPlace;
  readonly firestore: BoxOptions["firestore"];
}

/** One function trains for all clients, as in a lab. */
const CLIENT = "client";
const INTERRUPTED = "interrupted; the local cloud is being stopped";
const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Instances of it: they share the cores of this machine. */
const INSTANCES = Math.max(2, Math.min(4, availableParallelism()));
const TIMEOUT_SECONDS = 540;

/** @returns the exit code. */
export async function runFederate(folder: string, options: FederateOptions): Promise<number> {
  const stop = interruption();
  const screen = screenOf<NodeJS.WriteStream>(options.result, process.stdout, process.stderr);
  const view = () => createView({ stream: screen });
  let box: Box | null = null;
  try {
    requireResultPlace(options.result);
    requireTemporaryFolder();
    const federation = await readFederation(folder);
    const { seeds = [undefined], rounds } = options;
    const specs = await Promise.all(seeds.map((seed) => readRunSpec(federation, { rounds, seed })));
    const clientIds = await preparedClients(federation, screen);
    for (const { spec } of specs) checkNumber(spec, clientIds, federation);
    const log = ownersLog();
    box = await startCloud(federation, options.firestore, log);
    const work: Work = {
      federation,
      clientIds,
      box,
      api: apiClient(box.apiUrl, tokenCache(box)),
      view,
      screen,
      log,
      signal: stop.signal,
    };
    const runs = await trainAll(work, specs);
    const trials = options.compare ? await compare(work, specs, runs) : [];
    if (trials.length > 0) screen.write(`\n${comparisonLines(comparisonOf(trials)).join("\n")}\n`);
    if (isWanted(options.result)) await tellRuns(options.result, runs, trials);
    if (options.keep) {
      const token = await box.operatorToken(box.apiUrl);
      screen.write(`\n${describeEndpoints(box, token, clientVariables(box, CLIENT))}\n`);
      await untilAborted(stop.signal);
    }
    return 0;
  } catch (error) {
    view().fail(stop.signal.aborted ? INTERRUPTED : failureText(error));
    return stop.signal.aborted ? stop.exitCode() : 1;
  } finally {
    await box?.stop();
    stop.dispose();
  }
}

interface Work {
  readonly federation: Federation;
  readonly clientIds: readonly string[];
  readonly box: Box;
  readonly api: ApiClient;
  readonly view: () => DemoView;
  readonly screen: NodeJS.WriteStream;
  readonly log: OwnersLog;
  readonly signal: AbortSignal;
}

/** The clients with data, which are made first where there are none and the federation says how. */
async function preparedClients(
  { file, clients, test, prepare }: Federation,
  screen: NodeJS.WriteStream,
): Promise<readonly string[]> {
  const isThere = async () => (await clientsWithData(clients)).length > 0 && existsSync(placeOf(test));
  if (!(await isThere()) && prepare !== undefined) {
    screen.write(`There are no data yet: running ${prepare}\n`);
    const [code] = await once(
      spawn(process.execPath, [prepare], { stdio: ["inherit", screen, "inherit"] }),
      "exit",
    );
    if (code !== 0) throw new FlError("failed-precondition", `${prepare} ended with exit code ${code}.`);
  }
  if (await isThere()) return clientsWithData(clients);
  throw new FlError(
    "failed-precondition",
    `${file} names data that are not there: put a client's at ${clients}, for each client, and the test set at ${test}.`,
  );
}

/** Throws `invalid-argument` where no round could ever have enough updates. */
function checkNumber({ round }: RunSpec, clientIds: readonly string[], { spec, clients }: Federation): void {
  if (round.minUpdates <= clientIds.length) return;
  const message = `must not exceed the number of clients: ${clientIds.length} have data at ${clients}`;
  throw refused(spec, [{ path: "round.minUpdates", message }]);
}

/** The part of a path that is no pattern. */
function placeOf(path: string): string {
  return path.includes("*") ? dirname(path.slice(0, path.indexOf("*") + 1)) : path;
}

/** A local cloud whose client function reads the federation's data where they lie. */
async function startCloud(
  { clients, test, features }: Federation,
  firestore: BoxOptions["firestore"],
  log: OwnersLog,
): Promise<Box> {
  return startBox({
    firestore,
    bundles: await keptBundles(),
    clientFunctions: [
      { name: CLIENT, clientId: "all", shape: { maxInstances: INSTANCES, timeoutSeconds: TIMEOUT_SECONDS } },
    ],
    clientQueueSettings: { maxConcurrentDispatches: INSTANCES },
    variables: {
      CLIENT_DATA: dataAddress(clients),
      EVALUATION_DATA: dataAddress(test),
      ...(features === undefined
        ? {}
        : { CLIENT_FEATURES: dataAddress(features), EVALUATION_FEATURES: dataAddress(features) }),
    },
    cacheDir: join(root, ".cache"),
    onLog: ({ line }) => log.add(line),
  });
}

/** Trains one run after the other. */
async function trainAll(work: Work, specs: readonly WrittenSpec[]): Promise<readonly Followed[]> {
  const { box, api, clientIds, signal } = work;
  const registrations = clientIds.map((clientId) => ({
    clientId,
    url: box.runtime.url(CLIENT),
    serviceAccount: clientAccount(CLIENT),
    capacity: { timeoutSeconds: TIMEOUT_SECONDS },
  }));
  await registerAll(api, registrations, signal);
  const runs: Followed[] = [];
  for (const spec of specs) runs.push(await train(work, spec));
  return runs;
}

async function train(work: Work, { body, spec }: WrittenSpec): Promise<Followed> {
  const { federation, clientIds, box, api, signal } = work;
  const startedMs = performance.now();
  const view = work.view();
  view.start({
    title: `${spec.name} (${relative(process.cwd(), federation.file)})`,
    backend: await backendInWords(root),
    firestore: box.firestore,
    clients: clientIds.length,
    cohort: Math.min(spec.selection.cohortSize, clientIds.length),
    rounds: spec.stop.rounds,
    strategy: spec.selection.strategy,
    seed: spec.seed,
  });
  const { runId } = await api.createRun(await withWeights(federation, body, api));
  const followed = await followRun(runId, api, view, signal).catch(async (error) => {
    for (const line of await failures(work, runId)) view.note(line);
    throw error;
  });
  if (followed === null) throw new FlError("aborted", INTERRUPTED);
  const [invocation] = (await api.invocations(runId, 1)).filter(({ training }) => training !== null);
  view.finish(
    demoReport({
      ...followed,
      wallSeconds: (performance.now() - startedMs) / 1_000,
      backend: invocation?.training?.backend ?? "unknown",
      firestore: box.firestore.implementation,
    }),
  );
  const lines = [...(await failures(work, runId)), scoreLine(followed.run)];
  work.screen.write(lines.map((line) => `${line}\n`).join(""));
  return followed;
}

/** Which clients failed in a run, and why. */
async function failures({ api, log }: Work, runId: string): Promise<readonly string[]> {
  const bad = (await api.rounds(runId)).filter(({ counts }) => counts.failed + counts.rejected > 0);
  const invocations = await Promise.all(bad.map(({ round }) => api.invocations(runId, round)));
  return failureLines(invocations.flat(), log);
}

/** All metrics of the newest version that was scored. */
function scoreLine({ runId, evaluatedVersion, metrics = {} }: Run): string {
  const figures = Object.entries(metrics).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return `${runId}, version ${evaluatedVersion}: ${figures.join(" · ") || "not scored"}`;
}

/** The request for a run, with an upload of the weights that it begins with, if the federation has any. */
async function withWeights(
  { weights }: Federation,
  body: WrittenSpec["body"],
  api: ApiClient,
): Promise<z.input<typeof RunSpec>> {
  if (weights === undefined) return body as z.input<typeof RunSpec>;
  const { file, partial } = weights;
  const upload = await api.upload(await readBytes(file));
  return { ...body, model: { ...Object(body["model"]), weights: { upload, partial } } } as z.input<
    typeof RunSpec
  >;
}

/** The scores of the other ways to train, one trial for each run. */
async function compare(
  { federation, clientIds, api, screen, signal }: Work,
  specs: readonly WrittenSpec[],
  runs: readonly Followed[],
): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const [i, { spec }] of specs.entries()) {
    const run = runs[i]?.run;
    if (run === undefined) continue;
    screen.write(`\nSeed ${spec.seed}: training on all data in one place, and each client alone\n`);
    const data = await readBaselineData(federation, clientIds, spec);
    const { topology, weights } = await readModel(api, run, await api.model(run.runId, 0));
    if (topology === null) throw new FlError("internal", `Run ${run.runId} has no topology to compare with.`);
    const alone = await baselines(spec, { topology, weights }, data, signal);
    trials.push({ seed: spec.seed, federated: run.metrics ?? {}, ...alone });
  }
  return trials;
}

/** The runs as the API answers them, and what they were compared with. */
async function tellRuns(
  place: ResultPlace,
  runs: readonly Followed[],
  trials: readonly Trial[],
): Promise<void> {
  const result = {
    runs: runs.map(({ run, rounds }) => ({ run: z.encode(Run, run), rounds })),
    ...(trials.length === 0 ? {} : { trials, comparison: comparisonOf(trials) }),
  };
  await writeResultFile(place, `${JSON.stringify(result, null, 2)}\n`);
  if (place.isPrinted) process.stdout.write(`${JSON.stringify(result)}\n`);
}
