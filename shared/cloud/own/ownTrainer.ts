// Training by an owner's own trainer behind the port of the product's: what it is given are copies, and what
// it returns is checked.
import { methodState } from "../../core/methods/training/clientState.ts";
import { hooksOf } from "../../core/methods/training/trainingOf.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { DataStream, Dataset, Trainer, TrainResult, TrainTask } from "../../core/ports/trainer.ts";
import { randomFrom } from "../../core/random.ts";
import type { CodeAbout } from "../../core/schemas/ownCode.ts";
import { elementCount, quoteName } from "../../core/updates/safetensors.ts";
import type { ModelShape, Weights } from "../../core/updates/weights.ts";
import { Boundary } from "./boundary.ts";
import { firstBad, floatsOf } from "./checkedSamples.ts";
import type { Draws, Trained, TrainerInput, TrainingBatch, TrainingData } from "./client.ts";
import { OwnMetrics } from "./metrics.ts";
import type { OwnPart } from "./ownCode.ts";

type OwnTrainer = (input: TrainerInput) => Promise<Trained>;

/** What is returned so long after the deadline may still be uploaded. */
const GRACE_MS = 2_000;
/** No task waits longer for its answer. */
const LONGEST_MS = 1_800_000;

/**
 * The trainer of a client whose owner brings one. It scores and describes as `base` does, which is loaded
 * only for that.
 */
export function withOwnTrainer(
  { about, load }: OwnPart<OwnTrainer>,
  base: () => Promise<Trainer>,
  log: Logger,
  nowMs: () => number,
): Trainer {
  return {
    backend: `trainer ${about.name} ${about.version}`,
    describe: async (...given) => (await base()).describe(...given),
    evaluate: async (task) => (await base()).evaluate(task),
    train: (task) => train(about, load, task, log, nowMs),
  };
}

async function train(
  about: CodeAbout,
  load: OwnPart<OwnTrainer>["load"],
  task: TrainTask,
  log: Logger,
  nowMs: () => number,
): Promise<TrainResult> {
  const { seed, round, clientId, deadlineMs, maxSteps, training, topology } = task;
  const startedMs = nowMs();
  const leftMs = deadlineMs === undefined ? LONGEST_MS : Math.max(0, deadlineMs - startedMs) + GRACE_MS;
  const signal = AbortSignal.timeout(Math.min(leftMs, LONGEST_MS));
  const boundary = new Boundary("trainer", about, log, signal);
  const shape: ModelShape = task.weights;
  const hooks = hooksOf(training);
  if (hooks.distils !== undefined) {
    throw boundary.wrong(
      `cannot train by the method ${quoteName(training.method)}, which learns from the models of other runs`,
    );
  }
  const kept = methodState(task.state ?? null, hooks, shape);
  if (kept.length > 0) {
    throw boundary.wrong(
      `cannot train by the method ${quoteName(training.method)}, which keeps a state for each client`,
    );
  }
  const metrics = new OwnMetrics();
  const data = trainingData(task.data, boundary);
  const trained: unknown = await boundary.run(async () =>
    (await load()).default({
      clientId,
      round,
      seed,
      random: randomFrom(seed, round, clientId, "own-trainer"),
      ...(topology === undefined ? {} : { topology }),
      parameters: (task.parameters ?? shape).map(({ name, shape: sizes, role }) => ({
        name,
        shape: [...sizes],
        role,
      })),
      weights: new Map(task.weights.map(({ name, values }) => [name, values.slice()])),
      data,
      training: structuredClone(training),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(maxSteps === undefined ? {} : { maxSteps }),
      signal,
      log: metrics.log(boundary.what, log),
    }),
  );
  return {
    ...checkedResult(trained, task.weights, data.samples, boundary),
    state: kept,
    metrics: metrics.values(),
    timings: { buildMs: 0, trainMs: Math.max(0, nowMs() - startedMs), lossMs: 0 },
  };
}

function checkedResult(
  trained: unknown,
  before: Weights,
  allSamples: number,
  boundary: Boundary,
): Omit<TrainResult, "state" | "timings"> {
  const {
    weights,
    steps,
    samples = allSamples,
    partial = false,
    lossBefore,
    lossAfter,
  } = Object(trained) as Partial<Trained>;
  if (!(weights instanceof Map)) throw boundary.wrong("returned no Map of weights by the parameters' names");
  if (!Number.isSafeInteger(steps) || steps === undefined || steps < 0) {
    throw boundary.wrong("returned `steps` that are not a whole number from 0");
  }
  if (!Number.isSafeInteger(samples) || samples < 1 || samples > allSamples) {
    throw boundary.wrong(
      `returned \`samples\` that are not a whole number from 1 to the data's ${allSamples}`,
    );
  }
  if (typeof partial !== "boolean") throw boundary.wrong("returned `partial` that is not true or false");
  const known = new Set(before.map(({ name }) => name));
  const others = [...weights.keys()].filter((name) => !known.has(name)).length;
  if (others > 0) throw boundary.wrong(`returned weights of ${others} names that the model does not have`);
  return {
    weights: before.map(({ name, shape }) => ({
      name,
      shape,
      values: checkedValues(name, weights.get(name), elementCount(shape), boundary),
    })),
    steps,
    samples,
    partial,
    lossBefore: knownLoss(lossBefore),
    lossAfter: knownLoss(lossAfter),
  };
}

function checkedValues(name: string, values: unknown, count: number, boundary: Boundary): Float32Array {
  const list = Object(values) as ArrayLike<unknown>;
  if (values === undefined || list.length !== count) {
    const found = values === undefined ? "no values" : `not ${count} values`;
    throw boundary.wrong(`returned ${found} for the parameter ${quoteName(name)}`);
  }
  const floats = floatsOf(list);
  if (firstBad(floats) === -1) return floats;
  throw boundary.wrong(
    `returned a value for the parameter ${quoteName(name)} that is no finite float32: has its training diverged?`,
  );
}

function knownLoss(loss: unknown): number {
  return typeof loss === "number" && Number.isFinite(loss) ? loss : Number.NaN;
}

function trainingData(data: Dataset | DataStream, boundary: Boundary): TrainingData {
  const samples = data.x.shape[0] ?? 0;
  return {
    samples,
    inputShape: data.x.shape.slice(1),
    targetShape: data.y.shape.slice(1),
    batches: (size, random) => {
      if (!Number.isInteger(size) || size < 1) {
        throw new RangeError("The size of a batch must be a whole number from 1.");
      }
      return "batches" in data
        ? ofOurs(data.batches(size, random), boundary)
        : inMemory(data, samples, size, random);
    },
  };
}

/** Batches of data that are read while the owner's code works: what reading fails with is ours. */
async function* ofOurs(
  batches: AsyncIterable<TrainingBatch>,
  boundary: Boundary,
): AsyncGenerator<TrainingBatch> {
  const iterator = batches[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await boundary.ours(() => iterator.next());
      if (done === true) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function* inMemory(
  data: Dataset,
  samples: number,
  size: number,
  random: Draws,
): AsyncGenerator<TrainingBatch> {
  const order = random.order(samples);
  for (let start = 0; start < samples; start += size) {
    const places = order.subarray(start, start + size);
    yield { x: rowsOf(data.x, places), y: rowsOf(data.y, places) };
  }
}

function rowsOf({ shape, values }: Dataset["x"], places: Uint32Array): TrainingBatch["x"] {
  const size = elementCount(shape.slice(1));
  const rows = new Float32Array(places.length * size);
  for (const [i, place] of places.entries()) {
    rows.set(values.subarray(place * size, (place + 1) * size), i * size);
  }
  return { shape: [places.length, ...shape.slice(1)], values: rows };
}
