// The client in Python of examples/python-client in federations on the local cloud's servers: beside this
// repository's own client on a model with a topology, and two of them on parameters alone. Each client lacks
// a class, so that a model that knows all of them has learnt from both. Where Python has NumPy.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connectCoordinator } from "../../functions/client/coordinator.ts";
import { clientHandler } from "../../functions/client/handler.ts";
import { download, upload } from "../../functions/client/links.ts";
import { freePort } from "../../infra/box/firestore/freePort.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors, encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { clientEnv } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { type PythonProcess, pythonMissing, startPythonClient } from "../support/python.ts";
import { accountOf, eventually } from "../support/scriptedClient.ts";
import { sentBody } from "../support/sentBody.ts";
import { wholeReads } from "../support/wholeReads.ts";

const reason = pythonMissing === undefined ? "" : ` (skipped: ${pythonMissing})`;

/** Clouds of points around three centres: classes that are easy to tell apart. */
function clouds(classes: readonly number[], count: number, seed: number): Dataset {
  const random = randomFrom("clouds", seed);
  const y = Float32Array.from({ length: count }, (_, i) => classes[i % classes.length] ?? 0);
  const noise = () => random.next() + random.next() + random.next() - 1.5;
  const x = Float32Array.from(
    { length: 4 * count },
    (_, i) => noise() + (i % 4 === y[Math.floor(i / 4)] ? 3 : 0),
  );
  return { x: { shape: [count, 4], values: x }, y: { shape: [count], values: y } };
}

const TEST = clouds([0, 1, 2], 150, 99);
const SAVE = `
import json, sys, numpy as np
given = json.load(sys.stdin)
np.savez(sys.argv[1], x=np.array(given["x"], "f4").reshape(-1, 4), y=np.array(given["y"], "i8"))
`;

describe.skipIf(pythonMissing !== undefined)(`the Python client in a federation${reason}`, () => {
  let folder = "";
  let cloud: TestCloud;
  let trainer: Trainer;
  const running: PythonProcess[] = [];
  const servers: Server[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "python federation-"));
    trainer = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
    cloud = await startTestCloud({ trainer: async () => trainer, evaluationData: async () => TEST });
  }, 60_000);
  afterEach(async () => {
    for (const client of running.splice(0)) await client.stop();
    for (const server of servers.splice(0)) await close(server);
  });
  afterAll(async () => {
    await cloud.stop();
    rmSync(folder, { recursive: true });
  });

  async function register(clientId: string, url: string, label: string): Promise<void> {
    const answer = await cloud.call("POST", "/v1/clients", {
      clientId,
      url,
      serviceAccount: accountOf(clientId),
      labels: { of: label },
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  }

  async function pythonClient(clientId: string, data: Dataset, label: string): Promise<void> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const file = join(folder, `${clientId}.npz`);
    const input = JSON.stringify({ x: [...data.x.values], y: [...data.y.values] });
    expect(spawnSync("python3", ["-c", SAVE, file], { input }).status).toBe(0);
    const env = await cloud.clientEnv(accountOf(clientId), url);
    running.push(await startPythonClient({ ...env, CLIENT_DATA: join(folder, "{clientId}.npz") }));
    await register(clientId, url, label);
  }

  async function ownClient(clientId: string, data: Dataset, label: string): Promise<void> {
    const server = createServer((request, response) => {
      void handle(request).then((status) => response.writeHead(status).end());
    });
    servers.push(server);
    const url = `http://${await listen(server)}`;
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
    const tokens = {
      fetchIdToken: (audience: string) => cloud.token(accountOf(clientId), audience),
      accessToken: () => Promise.reject(new Error("not here")),
    };
    const deps = {
      ...{
        download,
        downloadShared: wholeReads(download),
        upload,
        bounds: {},
        log,
        nowMs: Date.now,
        takeColdStart: () => null,
      },
      coordinator: connectCoordinator(cloud.urls.coordinator, tokens),
      readData: async () => data,
      trainer: async () => trainer,
      peakRssMib: () => 1,
    };
    const handler = clientHandler(deps, clientEnv(cloud, url, "tensorflow"));
    const handle = async (request: IncomingMessage): Promise<number> => {
      const body = await json(request);
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const path = request.url ?? "/";
      return (await handler({ method: "POST", path, query: {}, headers, readBody: sentBody(body) })).status;
    };
    await register(clientId, url, label);
  }

  async function completed(name: string, model: object, label: string): Promise<Run> {
    const created = await cloud.call("POST", "/v1/runs", {
      name,
      model,
      training: { localEpochs: 2, batchSize: 16, optimizer: { name: "sgd", learningRate: 0.1 } },
      selection: { strategy: "random", cohortSize: 2, clients: { labels: { of: label } } },
      evaluation: { federated: {} },
      stop: { rounds: 5 },
    });
    expect(created.status, JSON.stringify(created.body)).toBe(201);
    const { runId } = created.body;
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    return eventually(
      "the end of the run",
      async () => {
        const run = await cloud.store.get(refs.run(runId));
        if (run?.status === "failed") throw new Error(run.statusReason ?? "failed");
        return run?.status === "completed" ? run : null;
      },
      60_000,
    );
  }

  async function roundsOf({ runId }: Run) {
    const rounds = await Promise.all(
      [1, 2, 3, 4, 5].map((round) => cloud.store.get(refs.round(runId, round))),
    );
    return rounds.flatMap((round) => round ?? []);
  }

  test("trains beside this repository's client on a model with a topology", async () => {
    await ownClient("tensorflow", clouds([0, 1], 120, 1), "mixed");
    await pythonClient("numpy", clouds([1, 2], 120, 2), "mixed");
    const run = await completed(
      "mixed",
      {
        inputShape: [4],
        layers: [
          { type: "Dense", units: 8, activation: "relu" },
          { type: "Dense", units: 3, activation: "softmax" },
        ],
      },
      "mixed",
    );
    expect(run.totals).toMatchObject({ invoked: 10, inTime: 10, failed: 0, rejected: 0, missed: 0 });
    const rounds = await roundsOf(run);
    for (const { consumed, federated } of rounds) {
      expect(consumed.map(({ clientId }) => clientId)).toEqual(["numpy", "tensorflow"]);
      expect(federated).toMatchObject({ clients: 2 });
    }
    const backends = await Promise.all(
      ["numpy", "tensorflow"].map((clientId) => cloud.store.get(refs.invocation(run.runId, 5, clientId))),
    );
    expect(backends.map((invocation) => invocation?.training?.backend)).toEqual([
      expect.stringMatching(/^numpy \d/),
      expect.stringMatching(/^(tfjs-node|wasm) /),
    ]);
    const scored = await eventually("the last score", async () => {
      const found = await cloud.store.get(refs.run(run.runId));
      return found?.evaluatedVersion === 5 ? found : null;
    });
    // Of three classes, of which neither client has all.
    expect(scored.accuracy).toBeGreaterThan(0.9);
  }, 120_000);

  test("trains parameters alone, two of them, and they score what nobody else can", async () => {
    await pythonClient("north", clouds([0, 1], 120, 3), "bare");
    await pythonClient("south", clouds([1, 2], 120, 4), "bare");
    const random = randomFrom("bare weights");
    const drawn = (name: string, ...shape: number[]) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const values = Float32Array.from({ length: size }, () =>
        name.endsWith("bias") ? 0 : random.next() - 0.5,
      );
      return floatTensor(name, shape, values);
    };
    const tensors = [
      drawn("hidden/kernel", 4, 8),
      drawn("hidden/bias", 8),
      drawn("output/kernel", 8, 3),
      drawn("output/bias", 3),
    ];
    const file = encodeSafetensors(tensors);
    const { body } = await cloud.call("POST", "/v1/uploads", { sizeBytes: file.byteLength });
    expect((await fetch(body.url, { method: "PUT", headers: body.headers, body: file })).status).toBe(200);
    const parameters = tensors.map(({ name, shape }) => ({ name, shape }));
    const run = await completed("bare", { parameters, weights: { upload: body.uploadId } }, "bare");
    const asked = await cloud.call("POST", "/v1/clients/north/check", { runId: run.runId });
    expect(asked.status, JSON.stringify(asked.body)).toBe(202);
    const check = await eventually("the check being over", async () => {
      const last = (await cloud.store.get(refs.checks("north")))?.checks[0];
      return last?.endedAt == null ? null : last;
    });
    expect(check).toMatchObject({
      status: "passed",
      problems: [],
      facts: {
        samples: 120,
        inputShape: [4],
        classes: 2,
        steps: 4,
        backend: expect.stringMatching(/^numpy/),
      },
    });
    expect(run.totals).toMatchObject({ invoked: 10, inTime: 10, failed: 0, rejected: 0 });
    expect(run.unscoredReason).toMatch(/parameters and no topology/);
    const rounds = await roundsOf(run);
    expect(rounds.map(({ federated }) => federated?.clients)).toEqual([2, 2, 2, 2, 2]);
    const losses = rounds.map(({ federated }) => federated?.metrics["loss"]?.mean ?? Number.NaN);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
    expect(run.best?.version).toBeGreaterThan(0);
    expect(await accuracyOf(run.runId, 0)).toBeLessThan(0.8);
    expect(await accuracyOf(run.runId, 5)).toBeGreaterThan(0.9);
  }, 120_000);

  /** Of a version on all classes, computed here. */
  async function accuracyOf(runId: string, version: number): Promise<number> {
    const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
    const values = (name: string) =>
      new Float32Array(
        tensors.find((tensor) => tensor.name === name)?.data.slice().buffer ?? new ArrayBuffer(0),
      );
    const dense = (input: readonly number[], layer: string) => {
      const [kernel, bias] = [values(`${layer}/kernel`), values(`${layer}/bias`)];
      return [...bias].map((b, unit) =>
        input.reduce((sum, value, i) => sum + value * (kernel[i * bias.length + unit] ?? 0), b),
      );
    };
    const samples = TEST.y.values.length;
    let right = 0;
    for (let i = 0; i < samples; i++) {
      const hidden = dense([...TEST.x.values.subarray(4 * i, 4 * i + 4)], "hidden").map((z) =>
        Math.max(0, z),
      );
      const outputs = dense(hidden, "output");
      if (outputs.indexOf(Math.max(...outputs)) === TEST.y.values[i]) right++;
    }
    return right / samples;
  }
});
