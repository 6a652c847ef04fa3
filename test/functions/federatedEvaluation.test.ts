// Federated evaluation through the real functions on TensorFlow: what rounds say of a version is what the
// rows that no client trains on say of it, computed here from the bucket's files; lies cost only themselves.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { dataStream } from "../../shared/cloud/data/dataStream.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { withLocal } from "../../shared/core/methods/training/clientState.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import { murmur3 } from "../../shared/core/murmur3.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { DataStream, Dataset, Evaluation, Trainer } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { clientStateObject, modelObject } from "../../shared/core/round/objects.ts";
import { Grant, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { asFloat32, decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { type ClientServer, type ClientTask, startClientServer } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import {
  accountOf,
  claim,
  eventually,
  put,
  registerClients,
  reportBody,
  updateFile,
} from "../support/scriptedClient.ts";

const SEED = 11;
const SHARE = 0.2;
/** Rows of each client; the second one's are read again as a stream, the last one has but one. */
const ROWS: Readonly<Record<string, number>> = { north: 200, south: 90, single: 1 };
const topology = toLayersTopology(modelSpec("tiny-mlp"));
const loss = "sparseCategoricalCrossentropy";

let cloud: TestCloud;
let server: ClientServer;
let trainer: Trainer;
/** Rows that a client has trained on, by client: as the bytes of their values. */
const trained = new Map<string, Set<string>>();
/** How late it is for a client that scores, in ms. */
let slowMs = 0;

beforeAll(async () => {
  trainer = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "There is no test set.")),
  });
  server = await startClientServer(cloud, depsOf, "tensorflow");
  await registerClients(cloud, Object.keys(ROWS), server.url);
}, 60_000);

afterAll(async () => {
  await server.close();
  await cloud.stop();
});

/** Three classes, which lie elsewhere at each client. */
function rowsOf(clientId: string): Dataset {
  const count = ROWS[clientId] ?? 0;
  const random = randomFrom("federated-evaluation", clientId);
  const y = new Float32Array(count).map((_, i) => i % 3);
  const shift = clientId === "south" ? 1 : 0;
  const x = new Float32Array(count * 4).map(
    (_, i) => (i % 4 === ((y[Math.floor(i / 4)] ?? 0) + shift) % 4 ? 1.5 : 0) + 0.7 * random.normal(),
  );
  return { x: { shape: [count, 4], values: x }, y: { shape: [count], values: y } };
}

function asStream(data: Dataset): DataStream {
  const count = data.x.shape[0] ?? 0;
  const rows = (begin: number, end: number) => ({
    count: end - begin,
    x: data.x.values.slice(begin * 4, end * 4),
    y: data.y.values.slice(begin, end),
  });
  const pieces = Array.from({ length: Math.ceil(count / 20) }, (_, i) => {
    const [begin, end] = [i * 20, Math.min(count, (i + 1) * 20)];
    return { count: end - begin, again: async () => rows(begin, end) };
  });
  return dataStream({
    inputShape: [4],
    targetShape: [],
    samples: count,
    first: data,
    pieces,
    windowBytes: 400,
  });
}

function depsOf({ clientId }: ClientTask) {
  let aheadMs = 0;
  return {
    nowMs: () => Date.now() + aheadMs,
    readData: async () => (clientId === "south" ? asStream(rowsOf(clientId)) : rowsOf(clientId)),
    trainer: async () => watched(clientId, () => (aheadMs += slowMs)),
  };
}

/** The trainer, with note of what is trained on. */
function watched(clientId: string, onEvaluate: () => void): Trainer {
  const seen = trained.get(clientId) ?? new Set();
  trained.set(clientId, seen);
  return {
    ...trainer,
    evaluate: async (task) => {
      onEvaluate();
      return trainer.evaluate(task);
    },
    train: async (task) => {
      for await (const batch of batchesOf(task.data)) for (const row of keysOf(batch)) seen.add(row);
      return trainer.train(task);
    },
  };
}

async function* batchesOf(data: Dataset | DataStream): AsyncGenerator<Dataset> {
  if ("batches" in data) yield* data.batches(50, randomFrom("look"));
  else yield data;
}

function keysOf({ x, y }: Dataset): readonly string[] {
  return [...y.values].map((label, i) => `${x.values.subarray(i * 4, i * 4 + 4)} ${label}`);
}

/** The rows of a client that hash below the share, found one by one. */
function validationRows(clientId: string): Dataset {
  const { x, y } = rowsOf(clientId);
  const rows = [...y.values.keys()].filter((row) => {
    const bytes = new Uint8Array(8 + 5 * 4);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(SEED), true);
    const values = Float32Array.of(...x.values.subarray(row * 4, row * 4 + 4), y.values[row] ?? 0);
    bytes.set(new Uint8Array(values.buffer), 8);
    return murmur3(bytes, 0) < Math.floor(SHARE * 2 ** 32);
  });
  const gathered = rows.flatMap((row) => [...x.values.subarray(row * 4, row * 4 + 4)]);
  return {
    x: { shape: [rows.length, 4], values: Float32Array.from(gathered) },
    y: { shape: [rows.length], values: Float32Array.from(rows, (row) => y.values[row] ?? 0) },
  };
}

async function readWeights(object: string): Promise<Weights> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(object));
  return tensors.map((tensor) => ({ name: tensor.name, shape: tensor.shape, values: asFloat32(tensor) }));
}

/** What a client's validation rows say of these weights. */
function scoreOf(clientId: string, weights: Weights): Promise<Evaluation> {
  const data = validationRows(clientId);
  return trainer.evaluate({ topology, weights, data, loss, metrics: ["f1"], batchSize: 1_000 });
}

async function createRun(spec: object): Promise<string> {
  trained.clear();
  const created = await cloud.call("POST", "/v1/runs", {
    name: "federated",
    model: { builtin: "tiny-mlp" },
    training: { localEpochs: 3, batchSize: 16, optimizer: { name: "adam", learningRate: 0.02 } },
    selection: { strategy: "random", cohortSize: 3 },
    seed: SEED,
    ...spec,
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  return created.body.runId;
}

const runIs = (runId: string, is: (run: Run) => boolean) =>
  eventually(
    "the state of the run",
    async () => {
      const run = await cloud.store.get(refs.run(runId));
      return run !== null && is(run) ? run : null;
    },
    60_000,
  );

async function endOf(spec: object): Promise<{ readonly run: Run; readonly rounds: readonly Round[] }> {
  const runId = await createRun(spec);
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const run = await runIs(runId, ({ status }) => status === "completed" || status === "failed");
  const { items } = await cloud.store.listRounds(runId, { limit: 100 });
  return { run, rounds: items.toSorted((a, b) => a.round - b.round) };
}

describe("clients that keep a validation share", () => {
  test("score each round's base version on it, never train on it, and choose the best version", async () => {
    const { run, rounds } = await endOf({
      evaluation: { federated: { share: SHARE }, by: "federated", metrics: ["f1"] },
      stop: { rounds: 3 },
    });
    expect(run.status).toBe("completed");
    const means: number[] = [];
    for (const { round, federated } of rounds) {
      const weights = await readWeights(modelObject(run.runId, round - 1));
      const [north, south] = [await scoreOf("north", weights), await scoreOf("south", weights)];
      expect(federated).toMatchObject({
        version: round - 1,
        clients: 2,
        samples: north.samples + south.samples,
      });
      const of = (metric: "accuracy" | "loss" | "f1") =>
        [north, south].map((score) => (metric === "f1" ? score.metrics["f1"] : score[metric]) ?? Number.NaN);
      for (const metric of ["accuracy", "loss", "f1"] as const) {
        const [a = 0, b = 0] = of(metric);
        const mean = (a * north.samples + b * south.samples) / (north.samples + south.samples);
        const found = federated?.metrics[metric];
        expect(found?.mean, `${metric} of round ${round}`).toBeCloseTo(mean, 5);
        expect(found?.worstDecile).toBeCloseTo(metric === "loss" ? Math.max(a, b) : Math.min(a, b), 5);
        const squares = north.samples * (a - mean) ** 2 + south.samples * (b - mean) ** 2;
        expect(found?.spread).toBeCloseTo(Math.sqrt(squares / (north.samples + south.samples)), 5);
      }
      means.push(federated?.metrics["accuracy"]?.mean ?? Number.NaN);
    }
    expect(means[2], "training helps on rows that are not trained on").toBeGreaterThan(means[0] ?? 1);
    expect(run.best).toMatchObject({
      accuracy: Math.max(...means),
      version: means.indexOf(Math.max(...means)),
    });
    expect(run.federated).toEqual({ ...rounds[2]?.federated, round: 3 });
    expect(run.accuracy, "there is no test set").toBeNull();

    for (const clientId of ["north", "south"]) {
      const kept = keysOf(validationRows(clientId));
      const all = keysOf(rowsOf(clientId));
      const seen = trained.get(clientId) ?? new Set();
      expect(seen.size).toBe(all.length - kept.length);
      expect(kept.filter((row) => seen.has(row))).toEqual([]);
      const invocation = await cloud.store.get(refs.invocation(run.runId, 2, clientId));
      expect(invocation?.training?.samples).toBe(all.length - kept.length);
      expect(invocation?.evaluation).toMatchObject({ version: 1, samples: kept.length });
      expect(invocation?.timings?.evaluateMs).toBeGreaterThanOrEqual(0);
      expect(invocation?.evaluationLeftOut).toBeUndefined();
    }
    const single = await cloud.store.get(refs.invocation(run.runId, 1, "single"));
    expect(single).toMatchObject({ status: "consumed", training: { samples: 1 } });
    expect(single?.evaluationLeftOut).toMatch(/fewer than two rows/);
    expect(rounds[2]?.participation).toEqual({ clients: 3, invited: 3, evenness: 1 });
  });

  test("score their own layers with the version's others, and stop the run at its target", async () => {
    const { run, rounds } = await endOf({
      training: { local: ["output"], localEpochs: 2, optimizer: { name: "adam", learningRate: 0.02 } },
      evaluation: { federated: { share: SHARE } },
      stop: { rounds: 12, target: { metric: "accuracy", value: 0.6 } },
    });
    expect(run.statusReason).toMatch(/^accuracy 0\.\d+ reached the target 0\.6 in round \d+$/);
    const last = rounds.at(-1);
    expect(last?.federated?.metrics["accuracy"]?.mean).toBeGreaterThanOrEqual(0.6);
    expect(run.best).toMatchObject({ version: (last?.round ?? 0) - 1, round: last?.round });
    // What the client left in the last round but one is what it scored with in the last.
    const state = await cloud.store.get(refs.clientState(run.runId, "north"));
    if (state === null) throw new Error("north has kept nothing");
    const version = await readWeights(modelObject(run.runId, run.modelVersion ?? 0));
    const kept = await readWeights(clientStateObject(run.runId, state));
    const parameters = run.model?.parameters ?? [];
    const [own, plain] = [
      await scoreOf("north", withLocal(version, kept, parameters)),
      await scoreOf("north", version),
    ];
    expect(own.loss, "its own layer knows its data better than the initial one").toBeLessThan(plain.loss);
  });

  test("train without a score where there is no time for one", async () => {
    slowMs = 20_000;
    const { run } = await endOf({
      evaluation: { federated: { share: SHARE } },
      round: { onDeadline: "submit-partial", deadlineSeconds: 60 },
      stop: { rounds: 1 },
    }).finally(() => (slowMs = 0));
    const invocation = await cloud.store.get(refs.invocation(run.runId, 1, "north"));
    expect(invocation?.status).toBe("consumed");
    expect(invocation?.evaluation).toBeUndefined();
    expect(invocation?.evaluationLeftOut).toMatch(/too much of the time/);
    const round = await cloud.store.get(refs.round(run.runId, 1));
    expect(round?.federated).toBeUndefined();
  });

  test("of fewer rows than the run wants scores of keep them apart, and say so", async () => {
    const { run, rounds } = await endOf({
      evaluation: { federated: { share: SHARE, minSamples: 25 } },
      stop: { rounds: 1 },
    });
    expect(rounds[0]?.federated).toMatchObject({ clients: 1 });
    const south = await cloud.store.get(refs.invocation(run.runId, 1, "south"));
    expect(south?.evaluationLeftOut).toMatch(/minSamples/);
    expect(south?.training?.samples).toBe(90 - keysOf(validationRows("south")).length);
  });
});

describe("a report", () => {
  const liars = ["liar-a", "liar-b", "liar-c"];
  const good = { version: 0, samples: 10, metrics: { accuracy: 0.5, loss: 1 } };

  beforeAll(async () => {
    await registerClients(cloud, liars);
    for (const clientId of Object.keys(ROWS)) await cloud.call("DELETE", `/v1/clients/${clientId}`);
  });

  /** One round in which two clients are honest and the third reports this; it closes with `quorum` of them. */
  async function roundWith(evaluation: unknown, quorum = 1) {
    const runId = await createRun({
      evaluation: { federated: {}, central: false },
      aggregation: { maxSamplesRatio: 2 },
      round: { minUpdates: 2, deadlineSeconds: 600, quorum },
    });
    await runIs(runId, ({ status }) => status === "ready");
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await runIs(runId, ({ openRound }) => openRound === 1);
    const grants = new Map<string, Grant>();
    for (const clientId of liars) {
      const grant = Grant.parse((await claim(cloud, { runId, round: 1, clientId })).body);
      expect(grant.evaluation).toEqual({ share: 0.1, minSamples: 5, metrics: [], batchSize: 250 });
      grants.set(clientId, grant);
    }
    const statuses: number[] = [];
    for (const [clientId, grant] of [...grants].reverse()) {
      const place = { runId, round: 1, clientId };
      const file = updateFile(grant, 0.01);
      expect(await put(grant, file)).toBe(200);
      const told = clientId === "liar-c" ? evaluation : good;
      const body = reportBody(place, grant.attempt, { file, samples: 10 }) as object;
      const answer = await cloud.callAs(accountOf(clientId), cloud.urls.coordinator, "/report", {
        ...body,
        ...(told === undefined ? {} : { evaluation: told }),
      });
      statuses.push(answer.status);
    }
    const round = await eventually("the end of the round", async () => {
      const found = await cloud.store.get(refs.round(runId, 1));
      return found?.followedUp === true ? found : null;
    });
    return { status: statuses[0], round, liar: await cloud.store.get(refs.invocation(runId, 1, "liar-c")) };
  }

  test.each([
    ["of another version", { ...good, version: 7 }, /version 7/],
    ["of an accuracy that cannot be", { ...good, metrics: { accuracy: 1.5 } }, /accuracy is not within/],
    ["of too few samples", { ...good, samples: 4 }, /fewer than/],
    ["of nothing", { ...good, metrics: {} }, /no metric/],
    ["that is missing", undefined, /older release/],
  ])("%s counts with its update, and without its score", async (_, evaluation, reason) => {
    const { status, round, liar } = await roundWith(evaluation);
    expect(status).toBe(200);
    expect(liar).toMatchObject({ status: "consumed" });
    expect(liar?.evaluation).toBeUndefined();
    expect(liar?.evaluationLeftOut).toMatch(reason);
    expect(round.federated).toMatchObject({ clients: 2, samples: 20 });
  });

  test.each([
    ["with a name that is none", { ...good, metrics: { "a b": 1 } }],
    ["with a name of the database's own", { ...good, metrics: JSON.parse('{"__proto__": 1}') }],
    ["with a number beyond reason", { ...good, metrics: { loss: 1e31 } }],
    ["with text for a number", { ...good, metrics: { loss: "1" } }],
    [
      "with too many metrics",
      { ...good, metrics: Object.fromEntries([...Array(33).keys()].map((i) => [`m${i}`, i])) },
    ],
    ["of no samples", { ...good, samples: 0 }],
  ])("%s is refused, and stops nobody else", async (_, evaluation) => {
    const { status, round, liar } = await roundWith(evaluation, 0.6);
    expect(status).toBe(400);
    expect(liar?.evaluation).toBeUndefined();
    expect(round).toMatchObject({ status: "closed", federated: { clients: 2 } });
  });

  test("of a great many samples counts for twice the median at most, as the run says", async () => {
    const { round } = await roundWith({ version: 0, samples: 1e9, metrics: { loss: 5, constructor: 1 } });
    expect(round.federated?.clients).toBe(3);
    expect(round.federated?.metrics["loss"]?.mean).toBeCloseTo((10 + 10 + 20 * 5) / 40, 10);
    expect(round.federated?.metrics["constructor"]).toEqual({ mean: 1, spread: 0, clients: 1 });
    expect(z.encode(ReportRequest.shape.evaluation, good)).toEqual(good);
  });
});
