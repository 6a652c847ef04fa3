// Owners' own code in a run: what a client has is on its invocation, one that lacks what the run requires is
// not granted or not invited, and what its code reports or fails with arrives as far as it may.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import ecg, { about as ecgAbout } from "../../examples/own-code/loader.ts";
import softmax, { about as softmaxAbout } from "../../examples/own-code/trainer.ts";
import { connectCoordinator } from "../../functions/client/coordinator.ts";
import { connect } from "../../functions/client/deps.ts";
import { ClientEnv } from "../../functions/client/env.ts";
import { clientHandler } from "../../functions/client/handler.ts";
import { download, upload } from "../../functions/client/links.ts";
import { withOwnMetrics } from "../../functions/client/ownMetrics.ts";
import { readEnv } from "../../shared/cloud/env.ts";
import type { Loader } from "../../shared/cloud/own/client.ts";
import type { OwnCode } from "../../shared/cloud/own/ownCode.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";
import { keptLog } from "../support/ownCode.ts";
import { accountOf, eventually, type Place } from "../support/scriptedClient.ts";
import { sentBody } from "../support/sentBody.ts";
import { wholeReads } from "../support/wholeReads.ts";

const CLIENT_URL = "https://clinic.example.org";
const QUEUE = "queue@test.iam.gserviceaccount.com";
const SECRET = "ssn-078-05-1120";

let folder: string;
let cloud: TestCloud;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus own-"));
  const records = Buffer.alloc(17 * 40);
  for (let i = 0; i < 40; i++) {
    records.writeInt16LE(i % 2 === 0 ? 9_000 : -9_000, 17 * i);
    records.writeUInt8(i === 7 ? 255 : i % 2, 17 * i + 16);
  }
  writeFileSync(join(folder, "clinic.ecg"), records);
  const trainer = createTestTrainer();
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new Error("No version is scored here.")),
  });
});
afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

async function register(clientId: string, more: object = {}): Promise<void> {
  const client = { clientId, url: "http://127.0.0.1:9/", serviceAccount: accountOf(clientId), ...more };
  const { status, body } = await cloud.call("POST", "/v1/clients", client);
  expect(status, JSON.stringify(body)).toBe(201);
}

const labelled = (site: string) => ({ strategy: "random", cohortSize: 5, clients: { labels: { site } } });

async function newRun(site: string, more: object): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/runs", {
    name: "own",
    model: { inputShape: [8], layers: [{ type: "Dense", units: 2, activation: "softmax" }] },
    selection: labelled(site),
    stop: { rounds: 1 },
    ...more,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  const { runId } = body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  return runId;
}

const roundOf = (runId: string) => eventually("the round", () => cloud.store.get(refs.round(runId, 1)));

async function deliver(place: Place, own: OwnCode, log = keptLog()) {
  const env = readEnv(ClientEnv, {
    ...completeEnvironment,
    TASK_INVOKER: QUEUE,
    CLIENT_URL,
    CLIENT_DATA: `${pathToFileURL(folder).href}/`,
    MEMORY_MIB: "2048",
    OIDC_CERTS_URL: cloud.certsUrl,
  });
  const tokens = {
    fetchIdToken: (audience: string) => cloud.token(accountOf(place.clientId), audience),
    accessToken: () => Promise.reject(new Error("not here")),
  };
  const coordinator = connectCoordinator(cloud.urls.coordinator, tokens, 0);
  const handler = clientHandler(
    { ...connect(env, 0, own), coordinator, download, downloadShared: wholeReads(download), upload, log },
    env,
  );
  const authorization = `Bearer ${await cloud.token(QUEUE, CLIENT_URL)}`;
  const headers = { authorization, "content-type": "application/json" };
  return handler({ method: "POST", path: "/", query: {}, headers, readBody: sentBody({ ...place }) });
}

async function invocationOf({ runId, round, clientId }: Place): Promise<Invocation> {
  const invocation = await cloud.store.get(refs.invocation(runId, round, clientId));
  if (invocation === null) throw new Error("There is no such invocation.");
  return invocation;
}

const code: OwnCode = {
  loader: { about: ecgAbout, load: async () => ({ default: ecg }) },
  trainer: { about: softmaxAbout, load: async () => ({ default: softmax }) },
};

describe("a run that requires code", () => {
  test("is trained by a client that has it, with no TensorFlow, and its invocation says by what", async () => {
    await register("has", { labels: { site: "has" } });
    const requires = {
      loader: { name: "ecg-records", version: "^1.0.0" },
      trainer: { name: "softmax-regression" },
    };
    const runId = await newRun("has", { requires });
    await roundOf(runId);
    const place = { runId, round: 1, clientId: "has" };
    expect((await deliver(place, code)).status).toBe(200);
    const invocation = await invocationOf(place);
    expect(invocation.failure).toBeNull();
    expect(invocation).toMatchObject({
      code: { loader: ecgAbout, trainer: softmaxAbout },
      data: { rows: 40, refused: [{ reason: "not-a-class", rows: 1, firstRow: 7 }], dropped: 0 },
      training: {
        samples: 39,
        lossBefore: null,
        lossAfter: null,
        backend: "trainer softmax-regression 1.0.0",
      },
    });
    expect(invocation.metrics).toMatchObject({ recordsPerBlock: 40 });
    expect(invocation.metrics?.["trainLoss"]).toBeGreaterThan(0);
  });

  test("grants nothing to a client that lacks it, and its invocation says why", async () => {
    await register("lacks", { labels: { site: "lacks" } });
    const requires = { loader: { name: "ecg-records", version: ">=1.0.1" }, trainer: { name: "other" } };
    const runId = await newRun("lacks", { requires });
    await roundOf(runId);
    const place = { runId, round: 1, clientId: "lacks" };
    const { loader } = code;
    const answer = await deliver(place, loader === undefined ? {} : { loader });
    expect(answer.status).toBe(200);
    const { failure, attempt } = await invocationOf(place);
    expect(attempt).toBe(0);
    expect(failure).toEqual({
      code: "failed-precondition",
      reason: "missing-code",
      message:
        "The client's function at http://127.0.0.1:9 cannot train this run, which requires the loader ecg-records >=1.0.1, " +
        "and has ecg-records 1.0.0; the trainer other, and has none: its owner has to bundle it with that code.",
    });
  });

  test("does not invite a client whose registration says that it lacks it", async () => {
    await register("known-old", {
      labels: { site: "known" },
      code: { loader: { name: "ecg-records", version: "1.0.0" } },
    });
    const runId = await newRun("known", { requires: { loader: { name: "ecg-records", version: "^1.1.0" } } });
    const reason = await eventually(
      "the reason",
      async () => (await cloud.store.get(refs.run(runId)))?.statusReason ?? null,
    );
    expect(reason).toContain("with the label site=known and the loader ecg-records ^1.1.0 only");
    await register("known-new", {
      labels: { site: "known" },
      code: { loader: { name: "ecg-records", version: "1.4.0" } },
    });
    await cloud.call("POST", `/v1/runs/${runId}/resume`);
    expect((await roundOf(runId)).cohort).toEqual(["known-new"]);
  });

  test("of layers is refused by a deployment without them, when it is prepared", async () => {
    const { status, body } = await cloud.call("POST", "/v1/runs", {
      name: "own",
      model: {
        inputShape: [8],
        layers: ["RmsNormalization", { type: "Dense", units: 2, activation: "softmax" }],
      },
      selection: { strategy: "random", cohortSize: 1 },
      requires: { layers: { name: "rms-layers", version: "1.0.0" } },
    });
    expect(status, JSON.stringify(body)).toBe(201);
    const run = await eventually("the failure", async () => {
      const found = await cloud.store.get(refs.run(body.runId));
      return found?.status === "failed" ? found : null;
    });
    expect(run.statusReason).toBe(
      "The run requires of this deployment the layers rms-layers 1.0.0, and has none: deploy an evaluator that is bundled with it (docs/own-code.md).",
    );
  });

  test.each([
    [{ loader: { name: "a b" } }, "requires.loader.name"],
    [{ loader: { name: "a", version: "1.x" } }, "requires.loader.version"],
    [{ loader: { name: "a", version: "" } }, "requires.loader.version"],
    [{ reader: { name: "a" } }, "requires"],
    [{ constructor: { name: "a" } }, "requires"],
  ])("is refused where it cannot be met: %j", async (requires, path) => {
    const { status, body } = await cloud.call("POST", "/v1/runs", {
      name: "own",
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 1 },
      requires,
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(path);
  });
});

test("what an owner's loader throws is in the owner's log, and nowhere else", async () => {
  await register("throws", { labels: { site: "throws" } });
  const runId = await newRun("throws", {});
  await roundOf(runId);
  const place = { runId, round: 1, clientId: "throws" };
  const throwing: Loader = async () => {
    throw new Error(SECRET);
  };
  const lines: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
  const own = { loader: { about: ecgAbout, load: async () => ({ default: throwing }) } };
  const { status } = await deliver(place, own);
  vi.restoreAllMocks();
  expect(status).toBe(200);
  expect(lines.filter((line) => line.includes(SECRET))).toHaveLength(1);
  const invocation = await invocationOf(place);
  expect(invocation).toMatchObject({
    status: "failed",
    failure: {
      code: "failed-precondition",
      reason: "own-code-failed",
      message: "The owner's loader ecg-records 1.0.0 failed: see the owner's log.",
    },
  });
  expect(JSON.stringify([invocation, cloud.logs])).not.toContain(SECRET);
});

test("a run of parameters without a topology is trained by a client that brings a trainer", async () => {
  await register("weights", { labels: { site: "weights" } });
  const parameters = [
    { name: "w", shape: [8, 2] },
    { name: "b", shape: [2] },
  ];
  const file = encodeSafetensors(
    parameters.map(({ name, shape }) =>
      floatTensor(name, shape, new Float32Array(shape.reduce((product, size) => product * size, 1))),
    ),
  );
  const { body: link } = await cloud.call("POST", "/v1/uploads", { sizeBytes: file.byteLength });
  const sent = await fetch(link.url, { method: "PUT", headers: link.headers, body: Buffer.from(file) });
  expect(sent.status).toBe(200);
  const runId = await newRun("weights", {
    model: { parameters, weights: { upload: link.uploadId } },
    evaluation: { federated: {}, metric: "trainLoss", direction: "lower" },
  });
  await roundOf(runId);
  const place = { runId, round: 1, clientId: "weights" };
  expect((await deliver(place, code)).status).toBe(200);
  const { failure, training, evaluation, metrics } = await invocationOf(place);
  expect({ failure, training }).toMatchObject({ failure: null, training: { samples: 39 } });
  expect(evaluation).toEqual({ version: 0, samples: 39, metrics });
  const run = await eventually("the end", async () => {
    const found = await cloud.store.get(refs.run(runId));
    return found?.status === "completed" ? found : null;
  });
  expect(run.federated?.metrics["trainLoss"]?.mean).toBe(metrics?.["trainLoss"]);
  expect(run.best?.metrics).toEqual(metrics);
});

describe("what an owner's code reports", () => {
  const asked = { share: 0.1, minSamples: 5, metrics: [], batchSize: 100 } as never;
  const evaluation = { version: 3, samples: 10, metrics: { accuracy: 0.5, loss: 1 } };
  const own = { accuracy: 0.9, spots: 2 };

  test("is beside what was computed, and takes the place of nothing", () => {
    expect(withOwnMetrics({ evaluation }, own, { evaluation: asked, baseVersion: 3 }, 40)).toEqual({
      metrics: own,
      evaluation: { ...evaluation, metrics: { accuracy: 0.5, loss: 1, spots: 2 } },
    });
  });

  test("is the score where there is no other one", () => {
    const score = { evaluationLeftOut: "too-few-samples" };
    expect(withOwnMetrics(score, own, { evaluation: asked, baseVersion: 3 }, 40)).toEqual({
      metrics: own,
      evaluation: { version: 3, samples: 40, metrics: own },
    });
    expect(withOwnMetrics(score, own, { baseVersion: 3 }, 40)).toEqual({ ...score, metrics: own });
    expect(withOwnMetrics(score, {}, { evaluation: asked, baseVersion: 3 }, 40)).toEqual(score);
  });

  test("leaves room for what was computed", () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m${i}`, i]));
    const report = withOwnMetrics({ evaluation }, many, { evaluation: asked, baseVersion: 3 }, 40);
    expect(Object.keys(report.metrics ?? {})).toHaveLength(32);
    expect(Object.keys(report.evaluation?.metrics ?? {})).toHaveLength(32);
    expect(report.evaluation?.metrics).toMatchObject({ accuracy: 0.5, loss: 1, m29: 29 });
  });
});
