// A version that is of no use never becomes the base of a round that counts: the run goes on from the last
// good one and says why. With the real coordinator, aggregator and evaluator, and a trainer that scores by
// script.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { encodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../shared/core/updates/weights.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";

const CLIENTS = ["a", "b"];
/** A step of this size makes a model that the script cannot score, though its values are small. */
const HARMFUL = 100;

let cloud: TestCloud;
let scoreMs = 0;

const scorer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("tiny-mlp")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async ({ weights }) => {
    await sleep(scoreMs);
    const largest = Math.max(...weights.flatMap(({ values }) => [...values]));
    return {
      accuracy: 0.5,
      loss: largest >= HARMFUL / 2 ? Number.NaN : 1,
      metrics: {},
      details: null,
      samples: 1,
    };
  },
};

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => scorer,
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  await registerClients(cloud, CLIENTS);
}, 60_000);

afterAll(() => cloud.stop());

async function startRun(rounds: number): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/runs", {
    name: "Set back",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: CLIENTS.length },
    aggregation: { norm: { action: "none" } },
    stop: { rounds },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  expect((await cloud.call("POST", `/v1/runs/${body.runId}/start`)).status).toBe(200);
  return body.runId;
}

/** The round once it is open, as it was then. */
const opened = (runId: string, round: number) =>
  eventually(`round ${round} being open`, () => cloud.store.get(refs.round(runId, round)));

const closed = (runId: string, round: number): Promise<Round> =>
  eventually(`round ${round} being closed`, async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.followedUp === true ? found : null;
  });

async function play(runId: string, round: number, value: number): Promise<Round> {
  await opened(runId, round);
  for (const clientId of CLIENTS) await contribute(cloud, { runId, round, clientId }, { value, samples: 10 });
  return closed(runId, round);
}

const ended = (runId: string): Promise<Run> =>
  eventually("the end of the run", async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run?.status === "completed" ? run : null;
  });

test("a version with huge values is scored before a round starts from it, and left behind", async () => {
  scoreMs = 100;
  const runId = await startRun(3);
  await play(runId, 1, 0.01);
  expect(await play(runId, 2, 1e20)).toMatchObject({ status: "closed", newVersion: 2 });
  expect(await cloud.store.get(refs.run(runId))).toMatchObject({
    openRound: null,
    statusReason: expect.stringMatching(
      /when version 2 has a score, because a value of ".+" is as large as 1\.00e\+20/,
    ),
  });
  expect(await opened(runId, 3)).toMatchObject({ baseVersion: 1, makesVersion: 3 });
  expect(await cloud.store.get(refs.round(runId, 2))).toMatchObject({
    accuracy: null,
    unscoredReason: "Version 2 cannot be used: its loss on the evaluation data is NaN.",
  });
  expect(await play(runId, 3, 0.01)).toMatchObject({ newVersion: 3 });
  expect(await ended(runId)).toMatchObject({
    modelVersion: 3,
    setBacks: [{ version: 2, round: 2, goodVersion: 1, reason: "its loss on the evaluation data is NaN" }],
  });
  const versions = (await cloud.objects.list(`runs/${runId}/models/`)).objects;
  expect(versions.map(({ name }) => name)).toContain(modelObject(runId, 2));
});

test("where a round has started from it already, nothing of that round counts", async () => {
  scoreMs = 500;
  const runId = await startRun(4);
  await play(runId, 1, 0.01);
  await play(runId, 2, HARMFUL);
  expect(await opened(runId, 3)).toMatchObject({ baseVersion: 2 });
  await eventually("the set-back", async () => (await cloud.store.get(refs.run(runId)))?.setBacks ?? null);
  scoreMs = 0;
  const third = await play(runId, 3, 0.01);
  expect(third).toMatchObject({ status: "degraded", newVersion: null, consumed: [] });
  expect(third.dropped.map(({ fate, reason }) => [fate, reason])).toEqual(
    CLIENTS.map(() => [
      "rejected",
      "It was trained from a bad base: version 2 of the model cannot be used: its loss on the evaluation data is NaN.",
    ]),
  );
  expect(await opened(runId, 4)).toMatchObject({ baseVersion: 1, makesVersion: 3 });
  await play(runId, 4, 0.01);
  expect(await ended(runId)).toMatchObject({ modelVersion: 3 });
});

test("a version that would hold a value that is not a number is not written", async () => {
  const runId = await startRun(2);
  await play(runId, 1, 0.01);
  await opened(runId, 2);
  const name = modelObject(runId, 1);
  const broken = parameterShapes(modelSpec("tiny-mlp")).map(({ name, shape }) => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((size, dimension) => size * dimension, 1)).fill(Number.NaN),
  }));
  await cloud.objects.write(name, encodeSafetensors(tensorsOf(broken), {}), { step: "write-model" });
  const second = await play(runId, 2, 0.01);
  expect(second).toMatchObject({ status: "degraded", newVersion: null, consumed: [] });
  expect(second.dropped.map(({ reason }) => reason)).toEqual(
    CLIENTS.map(
      () => 'The new version cannot be used: its parameter "hidden/kernel" would hold NaN at index 0.',
    ),
  );
  expect(await cloud.objects.stat(modelObject(runId, 2))).toBeNull();
  expect(await ended(runId)).toMatchObject({ modelVersion: 1 });
});
