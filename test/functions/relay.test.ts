// Relays through the real functions: a client goes on with what the one before it has made, past those that
// are silent, that fail or that upload what cannot be read, and the last model is what is folded.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { upload } from "../../functions/client/links.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject, updatesOf } from "../../shared/core/round/objects.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import { asFloat32, decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { type ClientServer, type ClientTask, startClientServer } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually, registerClients } from "../support/scriptedClient.ts";
import { sameSamples, steppingTrainer } from "../support/steppingTrainer.ts";

/** How far each client moves every parameter; all have as many samples. */
const STEPS: Readonly<Record<string, number>> = { east: 1, north: 2, south: 4, west: 8 };
const CLIENTS = Object.keys(STEPS);

const stepping = steppingTrainer(STEPS);
const trainer: Trainer = {
  ...stepping,
  train: async (task) => {
    if (failing.has(task.clientId)) throw new Error("a trainer that fails");
    return stepping.train(task);
  },
};

let cloud: TestCloud;
let server: ClientServer;
const silent = new Set<string>();
const failing = new Set<string>();
/** Clients that upload other bytes than they report, as many of them. */
const lying = new Set<string>();
/** Called before a client's call is answered. */
let onCall: (clientId: string) => Promise<void>;

beforeAll(async () => {
  cloud = await startTestCloud({ trainer: async () => trainer, evaluationData: async () => sameSamples() });
  server = await startClientServer(cloud, depsOf);
  await registerClients(cloud, CLIENTS, server.url);
});

afterAll(async () => {
  await server.close();
  await cloud.stop();
});

beforeEach(() => {
  for (const some of [silent, failing, lying]) some.clear();
  onCall = async () => undefined;
});

async function depsOf({ clientId }: ClientTask) {
  await onCall(clientId);
  if (silent.has(clientId)) return null;
  return {
    trainer: async () => trainer,
    upload: (...[link, parts, ...rest]: Parameters<typeof upload>) =>
      upload(link, lying.has(clientId) ? parts.map((part) => part.slice().fill(7)) : parts, ...rest),
  };
}

interface Played {
  readonly round: Round;
  /** In the order of their turns. */
  readonly turns: readonly Invocation[];
  /** How far the round has moved the parameters. */
  readonly moved: number;
  readonly order: readonly string[];
}

/** One round of all clients, in one group unless something else is said. */
async function play(name: string, { groupSize = 4, deadlineSeconds = 60 } = {}): Promise<Played> {
  const created = await cloud.call("POST", "/v1/runs", {
    name,
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 4 },
    round: { relay: { strategy: "chain", groupSize }, deadlineSeconds },
    stop: { rounds: 1 },
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  const is = async (status: string) =>
    eventually(
      `the run being ${status}`,
      async () => ((await cloud.store.get(refs.run(runId)))?.status === status ? true : null),
      30_000,
    );
  await is("ready");
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  await is("completed");
  const round = await cloud.store.get(refs.round(runId, 1));
  if (round === null) throw new Error("there is no round");
  const order = (round.relay?.groups ?? []).flatMap(({ members }) => members.map(({ clientId }) => clientId));
  const { items: invocations } = await cloud.store.list(order.map((id) => refs.invocation(runId, 1, id)));
  const turns = order.flatMap((clientId) => invocations.filter((one) => one.clientId === clientId));
  const [before, after] = [await kernel(runId, 0), await kernel(runId, round.newVersion ?? 0)];
  const moved = Math.round(1_000 * ((after[0] ?? 0) - (before[0] ?? 0))) / 1_000;
  await eventually("its updates being removed", async () =>
    (await cloud.objects.list(updatesOf(runId))).objects.length === 0 ? true : null,
  );
  return { round, turns, moved, order };
}

async function kernel(runId: string, version: number): Promise<Float32Array> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  const found = tensors.find((tensor) => tensor.name === "hidden/kernel");
  if (found === undefined) throw new Error("the model has no such tensor");
  return asFloat32(found);
}

const total = (clientIds: readonly string[]) =>
  clientIds.reduce((sum, clientId) => sum + (STEPS[clientId] ?? 0), 0);
const startsOf = ({ relay }: Invocation) => relay?.from.map(({ clientId }) => clientId);

test("each client goes on with what the one before it has made, and the last model is the round's", async () => {
  const { round, turns, moved, order } = await play("in-turn");
  expect(round).toMatchObject({ status: "closed", closeReason: "all-reported", counts: { inTime: 4 } });
  expect(turns.map(({ status }) => status)).toEqual(["consumed", "consumed", "consumed", "consumed"]);
  expect(turns.map(startsOf)).toEqual([
    [],
    order.slice(0, 1),
    order.slice(0, 2).toReversed(),
    order.slice(1, 3).toReversed(),
  ]);
  expect(turns.map(({ reason }) => reason)[1]).toContain(`turn 2 of group 1, from ${order[0]}`);
  expect(moved).toBe(total(CLIENTS));
  expect(round.consumed.map(({ group, weight }) => [group, weight])).toEqual(CLIENTS.map(() => [1, 0.25]));
});

test("groups go their ways beside each other, and their last models are averaged", async () => {
  const { round, moved, order } = await play("two-groups", { groupSize: 2 });
  expect(round.relay?.groups).toHaveLength(2);
  expect(moved).toBe((total(order.slice(0, 2)) + total(order.slice(2))) / 2);
  expect(round.consumed.map(({ group }) => group).toSorted()).toEqual([1, 1, 2, 2]);
});

test("who is silent is passed over at the deadline of its turn, and the round says so", async () => {
  silent.add("north");
  const { round, turns, moved } = await play("silent", { deadlineSeconds: 2 });
  const others = CLIENTS.filter((clientId) => clientId !== "north");
  expect(moved).toBe(total(others));
  expect(round.counts).toMatchObject({ invoked: 4, inTime: 3, missed: 1 });
  expect(turns.find(({ clientId }) => clientId === "north")).toMatchObject({
    status: "missed",
    relay: { skippedAt: expect.any(Number) },
    failure: { message: expect.stringContaining("went on without it") },
  });
  for (const turn of turns) expect(startsOf(turn)).not.toContain("north");
});

test("who fails is passed over at once, and what cannot be read by the next client", async () => {
  failing.add("east");
  lying.add("west");
  const { round, turns, moved, order } = await play("bad");
  expect(moved).toBe(total(["north", "south"]));
  const [failed, lied] = ["east", "west"].map((clientId) => turns.find((one) => one.clientId === clientId));
  expect(failed).toMatchObject({ status: "failed", failure: { reason: "internal" } });
  const isLast = order.findLast((clientId) => clientId !== "east") === "west";
  expect(lied?.status).toBe(isLast ? "rejected" : "expired");
  const next = turns.find(({ relay }) => relay?.from[0]?.clientId === "west");
  if (!isLast) expect(next?.relay?.passedOver).toBe(1);
  expect(round.consumed.map(({ clientId }) => clientId).toSorted()).toEqual(["north", "south"]);
});

test("who is not registered any more by its turn has none", async () => {
  let gone: string | null = null;
  onCall = async (clientId) => {
    if (gone !== null) return;
    gone = CLIENTS.find((other) => other !== clientId) ?? "";
    await cloud.call("DELETE", `/v1/clients/${gone}`);
  };
  const { round, turns, moved } = await play("retired");
  expect(turns.map(({ clientId }) => clientId)).not.toContain(gone);
  expect(round.counts.invoked).toBe(3);
  expect(moved).toBe(total(CLIENTS) - (STEPS[gone ?? ""] ?? 0));
});
