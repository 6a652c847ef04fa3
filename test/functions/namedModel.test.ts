// A run of parameters alone: created with names, shapes and values, prepared without a trainer, and trained
// by clients of any framework. What needs layers is refused, or says why it does not happen.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { trainInvocation } from "../../functions/client/trainInvocation.ts";
import { FlError } from "../../shared/core/errors.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject, modelSourceObject } from "../../shared/core/round/objects.ts";
import { Grant, type ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
  type Tensor,
} from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { plainAggregations } from "../support/plainAggregations.ts";
import { claim, contribute, eventually, registerClients } from "../support/scriptedClient.ts";

const CLIENTS = ["clinic-a", "clinic-b", "clinic-c", "clinic-d", "clinic-e"];
let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: () => Promise.reject(new Error("nothing is built of parameters alone")),
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
  await registerClients(cloud, CLIENTS);
}, 60_000);
afterAll(() => cloud.stop());

const weight = floatTensor("fc.weight", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
const bias = floatTensor("fc.bias", [3], Float32Array.of(-1, 0, 1));

async function upload(...tensors: Tensor[]): Promise<string> {
  const file = encodeSafetensors(tensors);
  const { status, body } = await cloud.call("POST", "/v1/uploads", { sizeBytes: file.byteLength });
  expect(status, JSON.stringify(body)).toBe(201);
  const put = await fetch(body.url, { method: "PUT", headers: body.headers, body: file });
  expect(put.status).toBe(200);
  return body.uploadId;
}

const create = (model: object, rest: object = {}) =>
  cloud.call("POST", "/v1/runs", {
    name: "any framework",
    model,
    selection: { strategy: "random", cohortSize: CLIENTS.length },
    stop: { rounds: 2 },
    ...rest,
  });

async function prepared(model: object, rest?: object): Promise<Run> {
  const { status, body } = await create(model, rest);
  expect(status, JSON.stringify(body)).toBe(201);
  return eventually("the run being prepared", async () => {
    const run = await cloud.store.get(refs.run(body.runId));
    return run === null || run.status === "preparing" ? null : run;
  });
}

async function versionOf(runId: string, version: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  return new Map(tensors.map(({ name, data }) => [name, [...new Float32Array(data.slice().buffer)]]));
}

function roundIs(runId: string, round: number, status: Round["status"]): Promise<Round> {
  return eventually(`round ${round} being ${status}`, async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.status === status ? found : null;
  });
}

describe("a run of parameters alone", () => {
  test("begins with the file's values, and trains by whatever its clients send", async () => {
    const run = await prepared({ weights: { upload: await upload(weight, bias) } });
    const { runId } = run;
    expect(run).toMatchObject({
      status: "ready",
      spec: { model: { parameters: modelSourceObject(runId) } },
      model: {
        parameters: [
          { name: "fc.bias", shape: [3] },
          { name: "fc.weight", shape: [3, 2] },
        ],
        parameterCount: 9,
        sizeBytes: 36,
      },
    });
    expect(await versionOf(runId, 0)).toEqual(
      new Map([
        ["fc.bias", [-1, 0, 1]],
        ["fc.weight", [1, 2, 3, 4, 5, 6]],
      ]),
    );

    await cloud.call("POST", `/v1/runs/${runId}/start`);
    for (const round of [1, 2]) {
      await roundIs(runId, round, "training");
      const shares = CLIENTS.map((clientId, i) =>
        contribute(cloud, { runId, round, clientId }, { value: i + 1, samples: 10 * (i + 1) }),
      );
      expect(await Promise.all(shares)).toEqual(CLIENTS.map(() => "reported"));
      await roundIs(runId, round, "closed");
    }
    // (10·1 + 20·2 + … + 50·5) / 150 a round, over two rounds.
    const step = (2 * 550) / 150;
    const after = await versionOf(runId, 2);
    [1, 2, 3, 4, 5, 6].forEach((before, i) => {
      expect(after.get("fc.weight")?.[i]).toBeCloseTo(before + step, 5);
    });
    const scored = await eventually("the reason why it has no score", async () => {
      const round = await cloud.store.get(refs.round(runId, 2));
      return round?.unscoredReason ?? null;
    });
    expect(scored).toMatch(/not scored on a test set: the run has parameters and no topology/);
    const end = await eventually("the end", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.status === "completed" ? found : null;
    });
    expect(end).toMatchObject({ best: null, accuracy: null, loss: null, modelVersion: 2 });
    expect(end.totals.costUsd).toBeGreaterThan(0);
  });

  test.each(plainAggregations)("is folded by %s", async (strategy) => {
    const run = await prepared(
      { weights: { upload: await upload(weight, bias) } },
      {
        aggregation: { strategy, norm: { action: "none" } },
        round: { minUpdates: CLIENTS.length },
      },
    );
    await cloud.call("POST", `/v1/runs/${run.runId}/rounds`);
    await roundIs(run.runId, 1, "training");
    const shares = CLIENTS.map((clientId, i) =>
      contribute(cloud, { runId: run.runId, round: 1, clientId }, { value: 1 + i / 100, samples: 10 }),
    );
    await Promise.all(shares);
    expect(await roundIs(run.runId, 1, "closed")).toMatchObject({ newVersion: 1, dropped: [] });
    const [before, after] = [await versionOf(run.runId, 0), await versionOf(run.runId, 1)];
    const moved = (after.get("fc.bias")?.[0] ?? 0) - (before.get("fc.bias")?.[0] ?? 0);
    expect(moved).toBeGreaterThan(0);
  });

  test("keeps roles and order as they are named; statistics are averaged as values", async () => {
    const parameters = [
      { name: "fc.weight", shape: [3, 2], role: "frozen" },
      { name: "fc.bias", shape: [3] },
      { name: "mean", shape: [1], role: "statistic" },
    ];
    const mean = floatTensor("mean", [1], Float32Array.of(7));
    const run = await prepared({ parameters, weights: { upload: await upload(weight, bias, mean) } });
    expect(run.model?.parameters).toEqual(parameters);
    await cloud.call("POST", `/v1/runs/${run.runId}/rounds`);
    await roundIs(run.runId, 1, "training");
    const granted = await claim(cloud, { runId: run.runId, round: 1, clientId: "clinic-a" });
    const grant = Grant.parse(granted.body);
    expect(grant.topology).toBeUndefined();
    expect(grant.parameters).toEqual(parameters);
    expect(granted.body).not.toHaveProperty("topology");
  });

  test("lets clients keep parameters for themselves, by their names", async () => {
    const file = await upload(weight, bias);
    const run = await prepared({ weights: { upload: file } }, { training: { local: ["fc.b*"] } });
    expect(run.model?.parameters).toEqual([
      { name: "fc.bias", shape: [3], local: true },
      { name: "fc.weight", shape: [3, 2] },
    ]);
    const none = await create({ weights: { upload: file } }, { training: { local: ["head*"] } });
    expect(none).toMatchObject({ status: 400, body: { error: { problems: [{ path: "training.local" }] } } });
  });

  test("is not granted to clients of an older release, and its operator sees why", async () => {
    const run = await prepared({ weights: { upload: await upload(weight) } });
    await cloud.call("POST", `/v1/runs/${run.runId}/rounds`);
    await roundIs(run.runId, 1, "training");
    const place = { runId: run.runId, round: 1, clientId: "clinic-b" };
    const refused = await claim(cloud, place, undefined, 2);
    expect(refused.status).toBe(409);
    expect(refused.body.error.message).toMatch(/needs release 3 .* knows 2/);
    const invocation = await cloud.store.get(refs.invocation(run.runId, 1, "clinic-b"));
    expect(invocation?.failure?.message).toMatch(/deploy this release there/);
  });

  test("has no topology to read, and says so", async () => {
    const { runId } = await prepared({ weights: { upload: await upload(weight) } });
    const answer = await cloud.call("GET", `/v1/runs/${runId}/topology`);
    expect(answer.status).toBe(404);
    expect(answer.body.error.message).toBe(
      `Run ${runId} has no topology: it has parameters alone, which the run's model lists.`,
    );
    expect((await cloud.call("GET", `/v1/runs/${runId}/models/0`)).status).toBe(200);
  });
});

describe("what does not fit", () => {
  test("is refused when the run is created, all of it at once", async () => {
    const parameters = [
      { name: "fc.weight", shape: [2, 3] },
      { name: "head", shape: [1] },
    ];
    const { status, body } = await create({ parameters, weights: { upload: await upload(weight, bias) } });
    expect(status).toBe(400);
    expect(body.error.problems).toEqual([
      { path: "model.weights.upload", message: 'the file lacks "head"' },
      { path: "model.weights.upload", message: expect.stringMatching(/^the file holds "fc\.bias"/) },
      { path: "model.parameters.0.shape", message: expect.stringMatching(/\[3, 2\] in the file/) },
    ]);
    const without = await create({ parameters, weights: { upload: "0123456789abcdef" } });
    expect(without.body.error.problems).toMatchObject([{ path: "model.weights.upload" }]);
    const none = await create({ parameters });
    expect(none.body.error.problems).toMatchObject([{ path: "model.weights" }]);
  });

  test("fails the run where only its values show it", async () => {
    const nan = floatTensor("w", [2], Float32Array.of(0, Number.NaN));
    const run = await prepared({ weights: { upload: await upload(nan) } });
    expect(run.statusReason).toMatch(/"w" must be finite numbers/);
    const minus = floatTensor("var", [1], Float32Array.of(-1));
    const parameters = [
      { name: "w", shape: [3] },
      { name: "var", shape: [1], role: "statistic", min: 0 },
    ];
    const three = floatTensor("w", [3], new Float32Array(3));
    const below = await prepared({ parameters, weights: { upload: await upload(minus, three) } });
    expect(below.statusReason).toMatch(/"var" must be numbers from 0/);
  });
});

test("this repository's client says that it cannot train such a run, and what to do", async () => {
  const link = { url: "https://storage.example.org/o", headers: {}, expiresAt: 0 };
  const reports: ReportRequest[] = [];
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
  const unused = () => Promise.reject(new Error("nothing is read or written"));
  const came = await trainInvocation({ runId: "run-1", round: 1, clientId: "clinic-a" }, null, {
    coordinator: {
      claim: async () => ({
        attempt: 1,
        baseVersion: 0,
        training: TrainingOptions.parse({}),
        encoding: "f32",
        seed: 1,
        parameters: [{ name: "fc.weight", shape: [3, 2] }],
        deadlineAt: Date.now() + 60_000,
        onDeadline: "finish-late",
        model: link,
        update: link,
      }),
      report: async (report) => {
        reports.push(report);
        return { status: "failed", reason: null };
      },
    },
    ...{ download: unused, downloadShared: unused, upload: unused, readData: unused, trainer: unused },
    ...{ bounds: {}, log, nowMs: Date.now, takeColdStart: () => null, peakRssMib: () => 1 },
  });
  expect(came).toBe("failed");
  expect(reports).toMatchObject([
    {
      result: {
        kind: "failure",
        failure: {
          code: "failed-precondition",
          message: expect.stringMatching(/parameters and no topology: invite clients that are made for it/),
        },
      },
    },
  ]);
});
