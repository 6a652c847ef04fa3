// Training that assigns parts of the parameters, through the real functions: a client's grant names its
// part, its update has that and no more, and each coordinate is averaged over the updates that have it. The
// simulator makes the same of it.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { trainedLearner } from "../../infra/sim/training/trainedLearner.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { asFloat32, decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { type ClientServer, type ClientTask, startClientServer } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";
import { PARTS } from "../support/slicedTraining.ts";
import { sameSamples, steppingTrainer } from "../support/steppingTrainer.ts";

vi.mock("../../shared/core/methods/registry/training.ts", async () => ({
  trainingBehaviours: { fedprox: (await import("../support/slicedTraining.ts")).sliced },
}));

/** How far each client moves every parameter; all have as many samples. */
const STEPS: Readonly<Record<string, number>> = { left: 1, right: 3 };

const trainer = steppingTrainer(STEPS);

let cloud: TestCloud;
let server: ClientServer;

beforeAll(async () => {
  cloud = await startTestCloud({ trainer: async () => trainer, evaluationData: async () => sameSamples() });
  server = await startClientServer(cloud, depsOf);
  await registerClients(cloud, ["left", "right", "liar"], server.url);
});

afterAll(async () => {
  await server.close();
  await cloud.stop();
});

async function depsOf(task: ClientTask) {
  if (task.clientId !== "liar") return { trainer: async () => trainer };
  // It sends all parameters, whatever its part is.
  await contribute(cloud, task, { value: 100, samples: 8 });
  return null;
}

async function valuesOf(runId: string, version: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  return new Map(tensors.map((tensor) => [tensor.name, [...asFloat32(tensor)]]));
}

test("each coordinate is averaged over the clients that were to train it, and have", async () => {
  const created = await cloud.call("POST", "/v1/runs", {
    name: "parts",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 3 },
    stop: { rounds: 1 },
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const round = await eventually(
    "the end of the round",
    async () => {
      const found = await cloud.store.get(refs.round(runId, 1));
      return found?.followedUp === true ? found : null;
    },
    30_000,
  );
  expect(round.consumed.map(({ clientId }) => clientId).sort()).toEqual(["left", "right"]);
  expect(round.dropped).toEqual([
    expect.objectContaining({
      clientId: "liar",
      fate: "rejected",
      reason: expect.stringMatching(/wrong-shape.*"hidden\/kernel".*unexpected-tensor.*not assigned/),
    }),
  ]);

  const [before, after] = [await valuesOf(runId, 0), await valuesOf(runId, 1)];
  const moved = (name: string) =>
    (after.get(name) ?? []).map(
      (value, i) => Math.round(1_000 * (value - (before.get(name)?.[i] ?? 0))) / 1_000,
    );
  expect(moved("hidden/kernel")).toEqual([
    ...[1, 1, 1, 1, 1, 0, 0, 0],
    ...[1, 1, 1, 2, 2, 3, 3, 3],
    ...[1, 1, 1, 2, 2, 3, 3, 3],
    ...[1, 1, 1, 2, 2, 3, 3, 3],
  ]);
  expect(moved("hidden/bias")).toEqual(new Array(8).fill(0));
  expect(moved("output/kernel")).toEqual(new Array(24).fill(0));
  expect(moved("output/bias")).toEqual([1, 1, 1]);

  const run = await cloud.store.get(refs.run(runId));
  if (run === null) throw new Error("unreachable");
  const learner = await trainedLearner({
    spec: run.spec,
    trainer,
    topology: toLayersTopology(modelSpec("tiny-mlp")),
    clientData: () => sameSamples(),
    evaluationData: sameSamples(),
  });
  for (const clientId of ["left", "right"]) {
    const invocation = await cloud.store.get(refs.invocation(runId, 1, clientId));
    if (invocation === null) throw new Error("unreachable");
    const update = await learner.update(invocation);
    if (!update.ok) throw new Error(JSON.stringify(update));
    const parts = PARTS[clientId] ?? [];
    expect(update.delta).toHaveLength(parts.length);
    for (const { name, at, shape } of parts) {
      const part = update.delta.find((weight) => weight.name === name);
      expect(part).toMatchObject(name === "output/bias" ? { shape } : { shape, at });
      for (const value of part?.values ?? []) expect(value).toBeCloseTo(STEPS[clientId] ?? Number.NaN, 5);
    }
  }
});
