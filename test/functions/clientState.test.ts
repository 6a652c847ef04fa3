// Layers that clients keep for themselves, through the real functions: what a client trains of them lies in
// an object of its own, counts with the report that names it, and is what its next invocation starts from.
// The simulator makes the same of it.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { trainedLearner } from "../../infra/sim/training/trainedLearner.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer, TrainTask } from "../../shared/core/ports/trainer.ts";
import {
  clientStateObject,
  clientStatesOf,
  modelObject,
  stateObject,
  updateObject,
} from "../../shared/core/round/objects.ts";
import type { Grant, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import { asFloat32, decodeSafetensors, encodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import {
  type ClientServer,
  type ClientTask,
  coordinatorFor,
  startClientServer,
} from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { accountOf, claim, eventually, registerClients } from "../support/scriptedClient.ts";
import { sameSamples, steppingTrainer } from "../support/steppingTrainer.ts";

/** How far each client moves every parameter in each invocation; all have as many samples. */
const STEPS: Readonly<Record<string, number>> = { north: 1, south: 3 };

const stepping = steppingTrainer(STEPS);
const trainer: Trainer = {
  ...stepping,
  train: async (task) => {
    tasks.set(`${task.clientId}/${task.round}`, task);
    return stepping.train(task);
  },
};

let cloud: TestCloud;
let server: ClientServer;
/** By client and round, as the client got and sent them. */
const grants = new Map<string, Grant>();
const reports = new Map<string, ReportRequest>();
const tasks = new Map<string, TrainTask>();
/** Clients that answer their tasks and do nothing. */
const silent = new Set<string>();
/** What becomes of a report on its way, by client and round. */
const onReport = new Map<string, (request: ReportRequest) => Promise<ReportRequest>>();

beforeAll(async () => {
  cloud = await startTestCloud({ trainer: async () => trainer, evaluationData: async () => sameSamples() });
  server = await startClientServer(cloud, depsOf);
  await registerClients(cloud, ["north", "south"], server.url);
});

afterAll(async () => {
  await server.close();
  await cloud.stop();
});

function depsOf({ clientId, round }: ClientTask) {
  if (silent.has(clientId)) return null;
  const key = `${clientId}/${round}`;
  const coordinator = coordinatorFor(cloud, clientId);
  return {
    trainer: async () => trainer,
    coordinator: {
      ...coordinator,
      claim: async (asked: Parameters<typeof coordinator.claim>[0]) => {
        const grant = await coordinator.claim(asked);
        grants.set(key, grant);
        return grant;
      },
      report: async (told: ReportRequest) => {
        const sent = (await onReport.get(key)?.(told)) ?? told;
        reports.set(key, sent);
        return coordinator.report(sent);
      },
    },
  };
}

async function createRun(
  name: string,
  rounds: number,
  methods: object = { training: { local: ["output"] } },
): Promise<string> {
  for (const kept of [grants, reports, tasks, onReport]) kept.clear();
  const created = await cloud.call("POST", "/v1/runs", {
    name,
    model: { builtin: "tiny-mlp" },
    ...methods,
    selection: { strategy: "random", cohortSize: 2 },
    stop: { rounds },
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  return runId;
}

async function endOf(runId: string, round: number): Promise<Round> {
  return eventually(
    "the end of the round",
    async () => {
      const found = await cloud.store.get(refs.round(runId, round));
      const isScored = found !== null && (found.unscoredReason !== null || found.accuracy !== null);
      return found?.followedUp === true && isScored ? found : null;
    },
    30_000,
  );
}

async function tensorsAt(object: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(object));
  return new Map(tensors.map((tensor) => [tensor.name, [...asFloat32(tensor)]]));
}

async function stateOf(runId: string, clientId: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const state = await cloud.store.get(refs.clientState(runId, clientId));
  if (state === null) throw new Error(`${clientId} has kept nothing`);
  return tensorsAt(clientStateObject(runId, state));
}

function moved(after: readonly number[] | undefined, before: readonly number[] | undefined): number[] {
  return (after ?? []).map((value, i) => Math.round(1_000 * (value - (before?.[i] ?? 0))) / 1_000);
}

function namedBy(key: string): { readonly sizeBytes: number; readonly sha256: string } {
  const result = reports.get(key)?.result;
  if (result?.kind !== "update" || result.clientState === undefined) throw new Error(`${key} names no state`);
  return result.clientState;
}

async function objectsOf(prefix: string): Promise<readonly string[]> {
  const { objects } = await cloud.objects.list(prefix);
  return objects.map(({ name }) => name);
}

test("a layer of its own goes on from what the client has kept, and the rest from the version", async () => {
  const runId = await createRun("own-heads", 2);
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const round = await endOf(runId, 2);
  expect(round.consumed).toHaveLength(2);
  expect(round.unscoredReason).toMatch(/training\.local/);

  const [first, last] = [await tensorsAt(modelObject(runId, 0)), await tensorsAt(modelObject(runId, 2))];
  expect(moved(last.get("hidden/kernel"), first.get("hidden/kernel"))).toEqual(new Array(32).fill(4));
  expect(last.get("output/kernel")).toEqual(first.get("output/kernel"));
  for (const [clientId, step] of Object.entries(STEPS)) {
    const state = await stateOf(runId, clientId);
    expect([...state.keys()].sort()).toEqual(["local/output/bias", "local/output/kernel"]);
    expect(moved(state.get("local/output/kernel"), first.get("output/kernel"))).toEqual(
      new Array(24).fill(2 * step),
    );
    expect(grants.get(`${clientId}/1`)?.clientState?.previous).toBeNull();
    expect(grants.get(`${clientId}/2`)?.clientState?.previous).toMatchObject(namedBy(`${clientId}/1`));
  }
  await eventually("the sweep", async () =>
    (await cloud.store.get(refs.run(runId)))?.swept === true ? true : null,
  );
  expect(await objectsOf(clientStatesOf(runId)), "each client's last state, and no other").toEqual(
    ["north", "south"].map((clientId) => clientStateObject(runId, { clientId, round: 2, attempt: 1 })),
  );

  const run = await cloud.store.get(refs.run(runId));
  if (run === null) throw new Error("unreachable");
  const learner = await trainedLearner({
    spec: run.spec,
    trainer,
    topology: toLayersTopology(modelSpec("tiny-mlp")),
    clientData: () => sameSamples(),
    evaluationData: sameSamples(),
  });
  expect(learner.model).toEqual(run.model);
  expect(await learner.score(0)).toBeNull();
  const invocation = await cloud.store.get(refs.invocation(runId, 1, "north"));
  if (invocation === null) throw new Error("unreachable");
  await learner.learned?.(invocation);
  const update = await learner.update(invocation);
  expect(update.ok && update.delta.map(({ name }) => name)).toEqual(["hidden/kernel", "hidden/bias"]);
});

test("what the server keeps comes with the version, and what clients send beside their updates moves it", async () => {
  const runId = await createRun("controls", 2, {
    training: { method: "scaffold", recovery: 0.25 },
    aggregation: { strategy: "scaffold-server" },
  });
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const round = await endOf(runId, 2);
  expect(round.consumed.map(({ weight }) => weight)).toEqual([0.5, 0.5]);

  const [first, last] = [await tensorsAt(modelObject(runId, 0)), await tensorsAt(modelObject(runId, 2))];
  expect([...last.keys()].sort(), "the version has parameters only").toEqual([...first.keys()].sort());
  expect(moved(last.get("hidden/kernel"), first.get("hidden/kernel"))).toEqual(new Array(32).fill(4));
  // The trainer sends 1 everywhere; a quarter is forgotten where all clients take part.
  for (const [version, control] of [
    [1, 1],
    [2, 1.75],
  ] as const) {
    const state = await tensorsAt(stateObject(runId, version));
    expect([...state.keys()].sort()).toEqual([...first.keys()].sort().map((name) => `control/${name}`));
    expect(state.get("control/output/bias")).toEqual([control, control, control]);
  }
  const run = await cloud.store.get(refs.run(runId));
  const seen = (key: string) => tasks.get(key)?.got?.flatMap(({ name, values }) => [name, values[0]]);
  for (const clientId of ["north", "south"]) {
    expect(grants.get(`${clientId}/1`)?.versionState).toBeUndefined();
    expect(grants.get(`${clientId}/2`)?.versionState?.url).toContain("state/1.safetensors");
    expect(seen(`${clientId}/1`)).toContain(0);
    expect(seen(`${clientId}/2`)).toEqual(
      run?.model?.parameters.flatMap(({ name }) => [`control/${name}`, 1]),
    );
    // It keeps one more in each invocation.
    expect((await stateOf(runId, clientId)).get("control/output/bias")).toEqual([2, 2, 2]);
    const kernels = [...first.values()].reduce((sum, values) => sum + values.length, 0);
    expect(reports.get(`${clientId}/2`)?.bytesUp).toBeGreaterThan(3 * 4 * kernels);
  }
});

test("a client that sends nothing beside its update has it refused, and the rest counts", async () => {
  const runId = await createRun("half-an-update", 1, {
    training: { method: "scaffold" },
    aggregation: { strategy: "scaffold-server" },
  });
  onReport.set("south/1", async (request) => {
    if (request.result.kind !== "update") throw new Error("unreachable");
    const object = updateObject(runId, { ...request, attempt: request.result.update.attempt });
    const { tensors, metadata } = decodeSafetensors(await cloud.objects.read(object));
    const file = encodeSafetensors(
      tensors.filter(({ name }) => !name.startsWith("control/")),
      metadata,
    );
    await cloud.objects.write(object, file);
    const sha256 = createHash("sha256").update(file).digest("hex");
    const update = { ...request.result.update, sizeBytes: file.byteLength, sha256 };
    return { ...request, result: { ...request.result, update } };
  });
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const round = await endOf(runId, 1);
  expect(round.consumed.map(({ clientId }) => clientId)).toEqual(["north"]);
  expect(round.dropped).toMatchObject([
    {
      clientId: "south",
      fate: "rejected",
      reason: expect.stringContaining('missing-tensor: Tensor "control/'),
    },
  ]);
});

test("a client of an older release is not granted what it would pass over, and its operator sees why", async () => {
  const runId = await createRun("older-client", 1);
  silent.add("north");
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const place = { runId, round: 1, clientId: "north" };
  const claimed = await eventually("the round", async () => {
    const answer = await claim(cloud, place, accountOf("north"), 1);
    return answer.status === 404 || answer.status === 403 ? null : answer;
  });
  silent.delete("north");
  expect(claimed.status).toBe(409);
  expect(claimed.body.error.message).toMatch(/needs release 2 .* knows 1: deploy/);
  expect(await cloud.store.get(refs.invocation(runId, 1, "north"))).toMatchObject({
    status: "invoked",
    attempt: 0,
    failure: { code: "failed-precondition", message: expect.stringContaining("deploy this release there") },
  });
});

test("a state counts with its report only; a lost one is begun anew, and another's bytes are refused", async () => {
  const runId = await createRun("broken-states", 4);
  // Round 1: the state is named, and is not there.
  onReport.set("north/1", async (request) => {
    await cloud.objects.remove(clientStateObject(runId, request));
    return request;
  });
  // Round 3: what round 2 has left is gone; round 4: other bytes of the same size.
  onReport.set("north/2", async (request) => {
    setTimeout(() => void losing(), 0);
    return request;
  });
  const losing = () =>
    eventually("the state of round 2", async () => {
      const state = await cloud.store.get(refs.clientState(runId, "north"));
      if (state?.round !== 2) return null;
      await cloud.objects.remove(clientStateObject(runId, state));
      return true;
    });
  onReport.set("south/3", async (request) => {
    const object = clientStateObject(runId, request);
    const bytes = new Uint8Array(await cloud.objects.read(object));
    bytes.fill(0, -4);
    await cloud.objects.write(object, bytes);
    return request;
  });
  // The last report of each round waits until what it stands for has happened.
  onReport.set("south/2", async (request) => {
    await eventually("the loss", async () =>
      (await objectsOf(`${clientStatesOf(runId)}north/`)).length === 0 ? true : null,
    );
    return request;
  });
  await cloud.call("POST", `/v1/runs/${runId}/start`);

  expect((await endOf(runId, 1)).consumed.map(({ clientId }) => clientId)).toEqual(["south"]);
  const failed = await cloud.store.get(refs.invocation(runId, 1, "north"));
  expect(failed).toMatchObject({ status: "failed", failure: { code: "failed-precondition" } });
  await endOf(runId, 2);
  expect(failed?.failure?.message).toMatch(/state of \d+ bytes, and there is no such object: upload it/);
  expect(grants.get("north/2")?.clientState?.previous).toBeNull();

  expect((await endOf(runId, 3)).consumed).toHaveLength(2);
  expect(grants.get("north/3")?.clientState?.previous).toBeNull();
  expect(cloud.logs).toContainEqual(
    expect.objectContaining({
      severity: "error",
      message: "client state is lost",
      fields: expect.objectContaining({ runId, clientId: "north" }),
    }),
  );

  expect((await endOf(runId, 4)).consumed.map(({ clientId }) => clientId)).toEqual(["north"]);
  const other = await cloud.store.get(refs.invocation(runId, 4, "south"));
  expect(other).toMatchObject({ status: "failed", failure: { code: "data-loss" } });
  expect(other?.failure?.message).toMatch(/not what its last report has named: remove its object/);
  // What failed is left as it was.
  expect(await cloud.store.get(refs.clientState(runId, "south"))).toMatchObject({ round: 3 });
  const [first, state] = [await tensorsAt(modelObject(runId, 0)), await stateOf(runId, "north")];
  expect(moved(state.get("local/output/bias"), first.get("output/bias"))).toEqual([2, 2, 2]);
});
