// The round protocol on the local cloud's servers: real tasks between real handlers, clients by script.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { PORTABLE_TENSORS, type Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run, RunStatus } from "../../shared/core/schemas/run.ts";
import { asFloat32, decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { gathered } from "../support/gathered.ts";
import {
  claim,
  contribute,
  eventually,
  put,
  registerClients,
  report,
  updateFile,
} from "../support/scriptedClient.ts";

const CLIENTS = ["clinic-a", "clinic-b", "clinic-c", "clinic-d"];

/** Scores a version by its first weight, so that a test knows what to expect. */
const scorer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("tiny-mlp")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async ({ weights }) => ({
    accuracy: Math.min(1, Math.abs(weights[0]?.values[0] ?? 0) / 100),
    loss: 1,
    metrics: {},
    details: null,
    samples: 1,
  }),
};

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => scorer,
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  await registerClients(cloud, CLIENTS);
});

afterAll(() => cloud.stop());

async function createRun(spec: object = {}): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", {
    name: "Protocol test",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 4 },
    round: { deadlineSeconds: 60 },
    stop: { rounds: 2 },
    ...spec,
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await runIs(runId, "ready");
  return runId;
}

function runIs(runId: string, status: RunStatus): Promise<Run> {
  return eventually(`run ${runId} being ${status}`, async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run?.status === status ? run : null;
  });
}

function roundIs(runId: string, round: number, status: Round["status"]): Promise<Round> {
  return eventually(`round ${round} being ${status}`, async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.status === status ? found : null;
  });
}

function followedUp(runId: string, round: number): Promise<Round> {
  return eventually(`round ${round} being followed up`, async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.followedUp === true ? found : null;
  });
}

async function firstWeight(runId: string, version: number): Promise<number> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  const tensor = tensors.find(({ name }) => name === "hidden/kernel");
  if (tensor === undefined) throw new Error("no hidden/kernel");
  return asFloat32(tensor)[0] ?? Number.NaN;
}

async function step(runId: string, round: number): Promise<number> {
  return (await firstWeight(runId, round)) - (await firstWeight(runId, round - 1));
}

describe("a run from start to its stop rule", () => {
  test("opens, folds, scores and advances by itself", async () => {
    const runId = await createRun();
    expect((await cloud.call("POST", `/v1/runs/${runId}/start`)).status).toBe(200);
    for (const round of [1, 2]) {
      await roundIs(runId, round, "training");
      const place = (clientId: string) => ({ runId, round, clientId });
      // 10·1 + 20·2 + 30·3 + 40·4 over 100 samples = 3.
      await Promise.all(
        CLIENTS.map((clientId, index) =>
          contribute(cloud, place(clientId), { value: index + 1, samples: (index + 1) * 10 }),
        ),
      );
      const closed = await roundIs(runId, round, "closed");
      expect(closed).toMatchObject({
        closeReason: "all-reported",
        newVersion: round,
        eur: 1,
        counts: { invoked: 4, inTime: 4, late: 0, failed: 0, rejected: 0, missed: 0, coldStarts: 4 },
      });
      expect(closed.consumed.map(({ clientId }) => clientId)).toEqual(CLIENTS);
      expect(closed.consumed.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
      expect(await step(runId, round)).toBeCloseTo(3, 5);
    }
    const run = await runIs(runId, "completed");
    expect(run).toMatchObject({
      round: 2,
      openRound: null,
      modelVersion: 2,
      eur: 1,
      statusReason: "all 2 rounds are done",
    });
    expect(run.totals).toMatchObject({ invoked: 8, inTime: 8, late: 0 });
    const scored = await eventually("both versions being scored", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.evaluatedVersion === 2 ? found : null;
    });
    expect(scored.accuracy).toBeGreaterThan(0);
    // Clients at 2 vCPU-seconds or so each, at list prices: a fraction of a cent, and no less than they
    // reported.
    expect(scored.totals.costUsd).toBeGreaterThan(0);
    const [invocation] = await cloud.store.invocationsByStatus(runId, 1, ["consumed"]);
    expect(invocation).toMatchObject({
      clientId: "clinic-a",
      staleness: 0,
      weight: 0.1,
      consumedInRound: 1,
      attempt: 1,
    });
    const { objects } = await cloud.objects.list(`runs/${runId}/updates/`);
    expect(objects, "consumed updates are removed").toEqual([]);
  });
});

describe("one round at a time", () => {
  test("an update made without native TensorFlow is logged, once", async () => {
    const runId = await createRun();
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await roundIs(runId, 1, "training");
    const place = { runId, round: 1, clientId: "clinic-a" };
    const grant = Grant.parse((await claim(cloud, place)).body);
    const file = updateFile(grant, 1);
    await put(grant, file);
    const trained = { file, samples: 10, backend: "wasm 4.22.0" };
    expect((await report(cloud, place, grant.attempt, trained)).status).toBe(200);
    expect((await report(cloud, place, grant.attempt, trained)).status).toBe(200);
    const lines = cloud.logs.filter(
      ({ message, fields }) => message === PORTABLE_TENSORS && fields["runId"] === runId,
    );
    expect(lines).toMatchObject([
      { severity: "warn", fields: { clientId: "clinic-a", backend: "wasm 4.22.0" } },
    ]);
    const invocation = await cloud.store.get(refs.invocation(runId, 1, "clinic-a"));
    expect(invocation?.training?.backend).toBe("wasm 4.22.0");
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
  });

  test("a failed client does not hold the round", async () => {
    const runId = await createRun();
    const triggered = await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    expect(triggered.status).toBe(202);
    expect(triggered.body).toEqual({ runId, round: 1, request: 1 });
    await roundIs(runId, 1, "training");
    for (const clientId of CLIENTS.slice(0, 3)) {
      await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: 10 });
    }
    const place = { runId, round: 1, clientId: "clinic-d" };
    const grant = Grant.parse((await claim(cloud, place)).body);
    const answer = await report(cloud, place, grant.attempt, { failure: "the data set has no samples" });
    expect(answer.body).toEqual({ status: "failed", reason: null });
    const closed = await roundIs(runId, 1, "closed");
    expect(closed).toMatchObject({
      closeReason: "all-reported",
      eur: 0.75,
      counts: { inTime: 3, failed: 1 },
    });
    expect((await runIs(runId, "ready")).openRound).toBeNull();
    const shards = await eventually("the roster being folded", async () => {
      const found = await gathered(cloud.store.rosterShards(runId));
      return found.length > 0 ? found : null;
    });
    expect(shards[0]?.clients["clinic-d"]).toMatchObject({
      missedRounds: [1],
      cooldownRounds: 1,
      invocations: 1,
    });
    expect(shards[0]?.clients["clinic-a"]).toMatchObject({ missedRounds: [], cooldownRounds: 0 });
    // It reported 1,050 ms, and counts with no more than the coordinator saw.
    const invocation = await cloud.store.get(refs.invocation(runId, 1, "clinic-a"));
    const seenMs = (invocation?.reportedAt ?? 0) - (invocation?.claimedAt ?? 0);
    const history = shards[0]?.clients["clinic-a"]?.trainMsHistory ?? [];
    expect(history).toEqual([expect.closeTo(Math.min(1_050, seenMs), -4)]);
    expect(history[0]).toBeLessThanOrEqual(seenMs);
  });

  test("at the deadline a round goes on without the missing, who join later, weighted", async () => {
    const runId = await createRun({
      round: { deadlineSeconds: 60, minUpdates: 1 },
      aggregation: { staleness: { weight: "polynomial", exponent: 1, maxRounds: 2 } },
    });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await roundIs(runId, 1, "training");
    const late = { runId, round: 1, clientId: "clinic-d" };
    const grant = Grant.parse((await claim(cloud, late)).body);
    for (const clientId of CLIENTS.slice(0, 3)) {
      await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: 10 });
    }
    cloud.advance(60_000);
    const closed = await roundIs(runId, 1, "closed");
    expect(closed).toMatchObject({ closeReason: "deadline", eur: 0.75, counts: { inTime: 3, missed: 1 } });
    await followedUp(runId, 1);

    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    const second = await roundIs(runId, 2, "training");
    expect(second.cohort, "a client that may still be working is busy").toEqual(CLIENTS.slice(0, 3));

    const file = updateFile(grant, 5);
    expect(await put(grant, file)).toBe(200);
    const answer = await report(cloud, late, grant.attempt, { file, samples: 10, trainMs: 90_000 });
    expect(answer.body).toEqual({ status: "late", reason: "round 1 is closed" });
    for (const clientId of second.cohort) {
      await contribute(cloud, { runId, round: 2, clientId }, { value: 1, samples: 10 });
    }
    const folded = await roundIs(runId, 2, "closed");
    expect(folded.counts).toMatchObject({ inTime: 3, late: 1 });
    // (3·10·1 + 10·½·5) / (3·10 + 10·½)
    expect(await step(runId, 2)).toBeCloseTo(55 / 35, 5);
    await followedUp(runId, 2);
    const consumed = await cloud.store.get(refs.invocation(runId, 1, "clinic-d"));
    expect(consumed).toMatchObject({ status: "consumed", staleness: 1, consumedInRound: 2 });
    const [shard] = await gathered(cloud.store.rosterShards(runId));
    expect(shard?.clients["clinic-d"]).toMatchObject({
      missedRounds: [],
      busyUntilAt: null,
      trainMsHistory: [(consumed?.reportedAt ?? 0) - (consumed?.claimedAt ?? 0)],
    });
  });

  test("too few updates: extended once, then carried over", async () => {
    const runId = await createRun({ round: { deadlineSeconds: 60, minUpdates: 3 } });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await roundIs(runId, 1, "training");
    await contribute(cloud, { runId, round: 1, clientId: "clinic-b" }, { value: 1, samples: 10 });
    cloud.advance(60_000);
    await eventually("the extension", async () => {
      const round = await cloud.store.get(refs.round(runId, 1));
      return round?.extended ? round : null;
    });
    cloud.advance(60_000);
    const degraded = await roundIs(runId, 1, "degraded");
    expect(degraded).toMatchObject({
      extended: true,
      closeReason: "too-few-updates",
      newVersion: null,
      eur: 0.25,
    });
    expect((await runIs(runId, "ready")).modelVersion).toBe(0);

    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await roundIs(runId, 2, "training");
    for (const clientId of ["clinic-a", "clinic-c", "clinic-d"]) {
      await contribute(cloud, { runId, round: 2, clientId }, { value: 1, samples: 10 });
    }
    await contribute(cloud, { runId, round: 2, clientId: "clinic-b" }, { value: 1, samples: 10 });
    const next = await roundIs(runId, 2, "closed");
    expect(next.consumed.map(({ round, clientId }) => `${round}/${clientId}`)).toEqual([
      "2/clinic-a",
      "1/clinic-b",
      "2/clinic-b",
      "2/clinic-c",
      "2/clinic-d",
    ]);
    expect(next.newVersion).toBe(1);
  });

  test("a bad update costs only itself", async () => {
    const runId = await createRun();
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await roundIs(runId, 1, "training");
    const spoilt = async (
      clientId: string,
      spoil: (grant: Grant) => { stored: Uint8Array<ArrayBuffer>; reported: Uint8Array },
    ) => {
      const place = { runId, round: 1, clientId };
      const grant = Grant.parse((await claim(cloud, place)).body);
      const { stored, reported } = spoil(grant);
      await put(grant, stored);
      await report(cloud, place, grant.attempt, { file: reported, samples: 10 });
    };
    await spoilt("clinic-a", (grant) => ({
      stored: updateFile(grant, Number.NaN),
      reported: updateFile(grant, Number.NaN),
    }));
    await spoilt("clinic-b", (grant) => ({ stored: updateFile(grant, 1), reported: updateFile(grant, 2) }));
    await spoilt("clinic-c", (grant) => {
      const wrong = updateFile({ ...grant, parameters: grant.parameters.slice(1) }, 1);
      return { stored: wrong, reported: wrong };
    });
    await contribute(cloud, { runId, round: 1, clientId: "clinic-d" }, { value: 2, samples: 10 });
    const closed = await roundIs(runId, 1, "closed");
    expect(closed.counts).toMatchObject({ inTime: 1, rejected: 3 });
    expect(closed.dropped.map(({ clientId, reason }) => `${clientId} ${reason.split(":")[0]}`)).toEqual([
      "clinic-a not-finite",
      "clinic-b wrong-checksum",
      "clinic-c missing-tensor",
    ]);
    expect(await step(runId, 1)).toBeCloseTo(2, 5);
    await followedUp(runId, 1);
    const rejected = await cloud.store.get(refs.invocation(runId, 1, "clinic-a"));
    expect(rejected).toMatchObject({ status: "rejected", failure: { code: "rejected" } });
  });
});

describe("who may claim and report", () => {
  test("only the client that the invocation belongs to, once", async () => {
    const runId = await createRun();
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await roundIs(runId, 1, "training");
    const place = { runId, round: 1, clientId: "clinic-a" };
    const another = await claim(cloud, place, "clinic-b@silo.iam.gserviceaccount.com");
    expect(another.status).toBe(403);
    for (const nowhere of [{ clientId: "nobody" }, { round: 2 }, { runId: "no-such-run" }]) {
      const answer = await claim(cloud, { ...place, ...nowhere });
      expect(answer.status, "what is not there is refused like what is another's").toBe(403);
      expect(answer.body).toEqual(another.body);
      expect((await report(cloud, { ...place, ...nowhere }, 1, { failure: "x" })).body).toEqual(another.body);
    }
    expect((await report(cloud, place, 1, { failure: "x" })).status, "nothing was claimed").toBe(409);

    const first = Grant.parse((await claim(cloud, place)).body);
    const second = Grant.parse((await claim(cloud, place)).body);
    expect([first.attempt, second.attempt]).toEqual([1, 2]);
    expect(new URL(second.update.url).pathname).toContain("/clinic-a-2.safetensors");
    const file = updateFile(second, 1);
    expect(await put(second, file)).toBe(200);
    expect(await put(second, file), "an object is written once").toBe(412);
    expect((await report(cloud, place, 2, { file, samples: 10 })).body.status).toBe("reported");
    expect((await report(cloud, place, 1, { file, samples: 10 })).body.status).toBe("ignored");
    expect((await claim(cloud, place)).status).toBe(409);
  });

  test("clients of a cancelled run learn of it at their next call", async () => {
    const runId = await createRun();
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await roundIs(runId, 1, "training");
    const place = { runId, round: 1, clientId: "clinic-a" };
    const grant = Grant.parse((await claim(cloud, place)).body);
    const cancelled = await cloud.call("POST", `/v1/runs/${runId}/cancel`);
    expect(cancelled.body).toMatchObject({ status: "cancelled", openRound: null });
    expect((await claim(cloud, { ...place, clientId: "clinic-b" })).status).toBe(409);
    const file = updateFile(grant, 1);
    await put(grant, file);
    expect((await report(cloud, place, 1, { file, samples: 1 })).body).toEqual({
      status: "ignored",
      reason: "the run is cancelled",
    });
  });
});
