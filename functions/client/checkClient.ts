// A check of this client: everything that a round would need, tried without one. It reads the data, trains a
// few steps of the run's model where one is named, uploads nothing, and reports counts, sizes and times.
import { step } from "../../shared/cloud/steps.ts";
import { methodState } from "../../shared/core/methods/training/clientState.ts";
import { hooksOf } from "../../shared/core/methods/training/trainingOf.ts";
import { readTopology } from "../../shared/core/models/topology.ts";
import type { DataStream, Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { CLIENT_RELEASE } from "../../shared/core/round/clientRelease.ts";
import type { CheckFacts } from "../../shared/core/schemas/check.ts";
import type { CheckGrant } from "../../shared/core/schemas/checkCalls.ts";
import type { InvocationFailure } from "../../shared/core/schemas/failure.ts";
import { MAX_METRICS, type Metrics } from "../../shared/core/schemas/metric.ts";
import { elementCount, maxFileBytes } from "../../shared/core/updates/safetensors.ts";
import type { ClientDeps } from "./deps.ts";
import { tellable } from "./failure.ts";
import { readModel, withoutTopology } from "./grantedModel.ts";
import { nothingToDo } from "./nothingToDo.ts";
import { checkBounds } from "./ownerRules.ts";
import { Stopwatch } from "./stopwatch.ts";

/** Steps that are timed, after those that warm up. */
const TIMED_STEPS = 3;
/** Steps after which a trainer has done what it does once in a process, such as recording them as a graph. */
const WARM_STEPS = 10;
/** Where so many of the first one take longer than this, the others are timed without them, in ms. */
const WARM_LIMIT_MS = 20_000;

/** More different labels than any classes have: their data are no classes. */
const MOST_CLASSES = 100_000;

/**
 * Makes the check that was asked for and returns what came of it, in words.
 *
 * @throws FlError with a retry verdict where the coordinator cannot be asked, or told, at the moment.
 */
export async function checkClient(
  task: TaskBody<"check">,
  memoryMib: number,
  deps: ClientDeps,
): Promise<string> {
  const { clientId, number } = task;
  const log = deps.log.with({ clientId, check: number });
  let grant: CheckGrant;
  try {
    const asked = { clientId, number, release: CLIENT_RELEASE };
    grant = await step("call claim-check", () => deps.coordinator.claimCheck(asked));
  } catch (error) {
    return nothingToDo(error, log);
  }
  const { problems, errors, facts } = await tryOut(clientId, grant, memoryMib, deps);
  for (const error of errors) log.error("the check has found a problem", { error });
  try {
    const report = { clientId, number, facts, problems: [...problems] };
    await step("call report-check", () => deps.coordinator.reportCheck(report));
  } catch (error) {
    return nothingToDo(error, log);
  }
  log.info("checked", { ...facts, problems: problems.length });
  return problems.length === 0 ? "nothing is wrong" : `${problems.length} problems`;
}

interface Found {
  readonly facts: CheckFacts;
  /** As they are told. */
  readonly problems: readonly InvocationFailure[];
  /** As they were, for the owner's log. */
  readonly errors: readonly unknown[];
}

/**
 * What a check tries: each part whatever became of the others, so that all problems are told at once.
 *
 * @param memoryMib of the function, as its owner says.
 */
export async function tryOut(
  clientId: string,
  { data: name, run }: Pick<CheckGrant, "data" | "run">,
  memoryMib: number,
  deps: Pick<
    ClientDeps,
    "takeColdStart" | "trainer" | "readData" | "download" | "bounds" | "peakRssMib" | "nowMs" | "code"
  >,
): Promise<Found> {
  const watch = new Stopwatch(deps.nowMs);
  const errors: unknown[] = [];
  const problems: InvocationFailure[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      errors.push(error);
      problems.push(tellable(error, watch.phase));
      return null;
    }
  };
  const coldStartMs = deps.takeColdStart();
  watch.set("coldStartMs", coldStartMs ?? 0);
  const trainer = await attempt(() => watch.time("coldStartMs", () => deps.trainer()));
  const data = await attempt(() => watch.time("dataMs", () => deps.readData({ clientId, data: name })));
  const trained =
    run === undefined ? null : await attempt(() => trainSome(clientId, run, trainer, data, watch, deps));
  const { coldStartMs: startMs, dataMs } = watch.timings();
  return {
    errors,
    problems,
    facts: {
      release: CLIENT_RELEASE,
      coldStart: coldStartMs !== null,
      coldStartMs: startMs,
      backend: trainer?.backend.slice(0, 100) ?? null,
      memoryMib,
      peakRssMib: deps.peakRssMib(),
      dataMs: data === null ? null : dataMs,
      ...(deps.code === undefined ? {} : { code: deps.code }),
      ...reported({ ...data?.metrics?.(), ...trained?.metrics }),
      ...dataFacts(data),
      steps: trained?.steps ?? 0,
      stepMs: trained?.stepMs ?? null,
      warmUpMs: trained?.warmUpMs ?? null,
    },
  };
}

/** As a round does it, but for its first steps only: whatever would fail there fails here. */
async function trainSome(
  clientId: string,
  run: NonNullable<CheckGrant["run"]>,
  trainer: Trainer | null,
  data: Dataset | DataStream | null,
  watch: Stopwatch,
  deps: Pick<ClientDeps, "download" | "bounds" | "code" | "nowMs">,
): Promise<Tried | null> {
  checkBounds(run, deps.bounds);
  const { topology: link, training, seed, parameters } = run;
  if (link === undefined && deps.code?.trainer === undefined) throw withoutTopology();
  const [topologyBytes, modelBytes] = await watch.time("downloadMs", () =>
    Promise.all([
      link === undefined ? undefined : deps.download(link, "the topology", deps.bounds.maxTopologyBytes),
      deps.download(
        run.model,
        "the model",
        maxFileBytes(parameters.map(({ shape }) => ({ dtype: "F32", shape }))),
      ),
    ]),
  );
  const topology = topologyBytes === undefined ? undefined : readTopology(topologyBytes);
  const weights = readModel(modelBytes, run);
  if (trainer === null || data === null) return null; // Told already.
  const train = async (maxSteps: number): Promise<Timed> => {
    const startedMs = deps.nowMs();
    const { timings, steps, metrics } = await watch.time("trainMs", () =>
      trainer.train({
        topology,
        weights,
        parameters,
        data,
        training,
        state: methodState(null, hooksOf(training), parameters),
        seed,
        round: 1,
        clientId,
        maxSteps,
      }),
    );
    return { wholeMs: deps.nowMs() - startedMs, trainMs: timings.trainMs, steps, metrics };
  };
  const first = await train(1);
  const samples = data.x.shape[0] ?? 0;
  const perEpoch = Math.ceil(samples / training.batchSize);
  const most = perEpoch * training.localEpochs - 1;
  if (most < 1) return { steps: first.steps, stepMs: first.trainMs, warmUpMs: null, metrics: first.metrics };
  // A round with fewer steps does not get warm either.
  const isQuick = WARM_STEPS * first.trainMs <= WARM_LIMIT_MS;
  const before = most >= WARM_STEPS && isQuick ? [first, await train(WARM_STEPS)] : [first];
  const timed = await train(Math.min(TIMED_STEPS, most));
  const stepMs = timed.trainMs / Math.max(1, timed.steps);
  const usualMs = (steps: number) => timed.wholeMs - timed.trainMs + steps * stepMs;
  return {
    steps: [...before, timed].reduce((sum, { steps }) => sum + steps, 0),
    stepMs,
    warmUpMs: Math.max(
      0,
      before.reduce((sum, { wholeMs, steps }) => sum + wholeMs - usualMs(steps), 0),
    ),
    metrics: timed.metrics,
  };
}

/** A few steps, and how long they took. */
interface Timed {
  /** With building the model and reading its weights. */
  readonly wholeMs: number;
  readonly trainMs: number;
  readonly steps: number;
  readonly metrics: Metrics | undefined;
}

/** What a few steps of training have shown. */
interface Tried {
  readonly steps: number;
  readonly stepMs: number;
  readonly warmUpMs: number | null;
  readonly metrics: Metrics | undefined;
}

/** What the owner's code has reported; nothing where it has not. */
function reported(metrics: Metrics): Pick<CheckFacts, "metrics"> {
  const some = Object.entries(metrics).slice(0, MAX_METRICS);
  return some.length === 0 ? {} : { metrics: Object.fromEntries(some) };
}

type DataFacts = Pick<CheckFacts, "samples" | "isStream" | "inputShape" | "targetShape" | "classes" | "rows">;

function dataFacts(data: Dataset | DataStream | null): DataFacts {
  if (data === null) {
    return { samples: null, isStream: null, inputShape: null, targetShape: null, classes: null, rows: null };
  }
  const { x, y, facts } = data;
  const isStream = "batches" in data;
  return {
    samples: x.shape[0] ?? 0,
    isStream,
    inputShape: x.shape.slice(1),
    targetShape: y.shape.slice(1),
    classes: isStream ? null : classesOf(data.y),
    rows: facts ?? null,
  };
}

/** How many different classes the labels have; null where they are numbers of another kind. */
function classesOf({ shape, values }: Dataset["y"]): number | null {
  const width = elementCount(shape.slice(1));
  if (shape.length === 2 && width > 1 && isOneHot(values, width)) return width;
  const seen = new Set<number>();
  for (const value of values) {
    if (!Number.isInteger(value) || value < 0) return null;
    seen.add(value);
    if (seen.size > MOST_CLASSES) return null;
  }
  return seen.size;
}

function isOneHot(values: Float32Array, width: number): boolean {
  for (let start = 0; start < values.length; start += width) {
    let ones = 0;
    for (let i = start; i < start + width; i++) {
      if (values[i] === 1) ones++;
      else if (values[i] !== 0) return false;
    }
    if (ones !== 1) return false;
  }
  return true;
}
