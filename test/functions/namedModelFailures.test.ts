// What goes wrong in a run of parameters alone costs what it costs in one with layers: too few updates, late
// ones, bad ones, versions that cannot be used. Nobody but its clients can score it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors, encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
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
let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: () => Promise.reject(new Error("nothing is built of parameters alone")),
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
  await registerClients(cloud, CLIENTS);
}, 60_000);
afterAll(() => cloud.stop());

async function createRun(rest: object): Promise<string> {
  const file = encodeSafetensors([floatTensor("w", [2], Float32Array.of(1, 2))]);
  const uploaded = await cloud.call("POST", "/v1/uploads", { sizeBytes: file.byteLength });
  const { url, headers, uploadId } = uploaded.body;
  expect((await fetch(url, { method: "PUT", headers, body: file })).status).toBe(200);
  const { status, body } = await cloud.call("POST", "/v1/runs", {
    name: "bare",
    model: { weights: { upload: uploadId } },
    selection: { strategy: "random", cohortSize: CLIENTS.length },
    aggregation: { norm: { action: "none" } },
    ...rest,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  await runIs(body.runId, ({ status: now }) => now === "ready");
  return body.runId;
}

const runIs = (runId: string, is: (run: Run) => boolean): Promise<Run> =>
  eventually("the state of the run", async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run !== null && is(run) ? run : null;
  });

const roundIs = (runId: string, round: number, is: (round: Round) => boolean): Promise<Round> =>
  eventually(`the state of round ${round}`, async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found !== null && is(found) ? found : null;
  });

async function open(runId: string, round: number): Promise<Round> {
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  return roundIs(runId, round, ({ status }) => status === "training");
}

async function closed(runId: string, round: number): Promise<Round> {
  const found = await roundIs(runId, round, ({ followedUp }) => followedUp);
  await runIs(runId, ({ openRound }) => openRound === null);
  return found;
}

const give = (runId: string, round: number, clientIds: readonly string[], value: number) =>
  Promise.all(
    clientIds.map((clientId) => contribute(cloud, { runId, round, clientId }, { value, samples: 10 })),
  );

async function valuesOf(runId: string, version: number): Promise<readonly number[]> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  return [...new Float32Array(tensors[0]?.data.slice().buffer ?? new ArrayBuffer(0))];
}

describe("rounds", () => {
  test("close at the quorum, and take a late update with its staleness", async () => {
    const runId = await createRun({ round: { quorum: 0.75, minUpdates: 3 } });
    await open(runId, 1);
    const late = { runId, round: 1, clientId: "clinic-d" };
    const grant = Grant.parse((await claim(cloud, late)).body);
    expect(grant.topology).toBeUndefined();
    await give(runId, 1, CLIENTS.slice(0, 3), 1);
    expect(await closed(runId, 1)).toMatchObject({ closeReason: "quorum", counts: { inTime: 3, missed: 1 } });
    expect(await valuesOf(runId, 1)).toEqual([2, 3]);

    expect((await open(runId, 2)).cohort).toEqual(CLIENTS.slice(0, 3));
    const file = updateFile(grant, 5);
    expect(await put(grant, file)).toBe(200);
    const answer = await report(cloud, late, grant.attempt, { file, samples: 10 });
    expect(answer.body.status).toBe("late");
    await give(runId, 2, CLIENTS.slice(0, 3), 1);
    expect((await closed(runId, 2)).counts).toMatchObject({ inTime: 3, late: 1 });
    // (3·10·1 + 10·½·5) / (3·10 + 10·½)
    expect((await valuesOf(runId, 2))[0]).toBeCloseTo(2 + 55 / 35, 5);
  });

  test("with too few updates are extended once, then carry the model over", async () => {
    const runId = await createRun({ round: { deadlineSeconds: 60, minUpdates: 3 } });
    await open(runId, 1);
    await give(runId, 1, ["clinic-b"], 1);
    cloud.advance(60_000);
    await roundIs(runId, 1, ({ extended }) => extended);
    cloud.advance(60_000);
    expect(await closed(runId, 1)).toMatchObject({
      ...{ status: "degraded", closeReason: "too-few-updates", newVersion: null, eur: 0.25 },
    });
    expect((await runIs(runId, () => true)).modelVersion).toBe(0);
    const second = await open(runId, 2);
    await give(runId, 2, second.cohort, 1);
    const { consumed, newVersion } = await closed(runId, 2);
    expect(newVersion).toBe(1);
    expect(consumed.map(({ round, clientId }) => `${round}/${clientId}`)).toContain("1/clinic-b");
  });

  test("leave out bad updates with their reasons", async () => {
    const runId = await createRun({ round: { minUpdates: 2 } });
    await open(runId, 1);
    const spoilt = async (clientId: string, spoil: (grant: Grant) => Uint8Array<ArrayBuffer>) => {
      const place = { runId, round: 1, clientId };
      const grant = Grant.parse((await claim(cloud, place)).body);
      const file = spoil(grant);
      expect(await put(grant, file)).toBe(200);
      await report(cloud, place, grant.attempt, { file, samples: 10 });
    };
    await spoilt("clinic-a", (grant) => updateFile(grant, Number.NaN));
    await spoilt("clinic-b", (grant) => updateFile({ ...grant, parameters: [{ name: "v", shape: [2] }] }, 1));
    await give(runId, 1, ["clinic-c", "clinic-d"], 3);
    const { dropped, newVersion } = await closed(runId, 1);
    expect(newVersion).toBe(1);
    expect(dropped.map(({ clientId, reason }) => `${clientId} ${reason.split(":")[0]}`)).toEqual([
      "clinic-a not-finite",
      "clinic-b missing-tensor",
    ]);
    expect(await valuesOf(runId, 1)).toEqual([4, 5]);
  });
});

describe("versions", () => {
  test("that would hold a value that is not a number are not written: the next round has the last good one", async () => {
    const runId = await createRun({});
    await open(runId, 1);
    await give(runId, 1, CLIENTS, 0.5);
    await closed(runId, 1);
    const name = modelObject(runId, 1);
    const nan = encodeSafetensors([floatTensor("w", [2], Float32Array.of(1, Number.NaN))]);
    await cloud.objects.write(name, nan, { step: "write-model" });
    await open(runId, 2);
    await give(runId, 2, CLIENTS, 0.5);
    const second = await closed(runId, 2);
    expect(second).toMatchObject({ status: "degraded", newVersion: null, consumed: [] });
    expect(second.dropped.map(({ reason }) => reason)).toEqual(
      CLIENTS.map(() => 'The new version cannot be used: its parameter "w" would hold NaN at index 1.'),
    );
    expect(await cloud.objects.stat(modelObject(runId, 2))).toBeNull();
    expect((await open(runId, 3)).baseVersion).toBe(1);
  });

  test("with huge values do not hold up the run: nothing but clients could score them", async () => {
    const runId = await createRun({ stop: { rounds: 2 } });
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    await roundIs(runId, 1, ({ status }) => status === "training");
    await give(runId, 1, CLIENTS, 1e20);
    await roundIs(runId, 2, ({ status }) => status === "training");
    expect(await cloud.store.get(refs.round(runId, 2))).toMatchObject({ baseVersion: 1 });
    await give(runId, 2, CLIENTS, 1);
    const run = await runIs(runId, ({ status }) => status === "completed");
    expect(run).toMatchObject({ modelVersion: 2, best: null });
    expect(run.setBacks).toBeUndefined();
    expect(run.unscoredReason).toMatch(/parameters and no topology/);
  });
});
