// Tiers through the real functions: each version is of one tier's updates, begun from the version that its
// clients were given, and no tier waits for a client of another.
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject, updatesOf } from "../../shared/core/round/objects.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import { asFloat32, decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { claim, contribute, eventually, registerClients, report } from "../support/scriptedClient.ts";

const CLIENTS = Array.from("abcdefgh");

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => createTestTrainer(),
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  await registerClients(cloud, CLIENTS);
});

afterAll(() => cloud.stop());

async function start(name: string, more: object = {}): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", {
    name,
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 4 },
    aggregation: { strategy: "fedat", tiers: 2 },
    round: { deadlineSeconds: 600 },
    stop: { rounds: 3 },
    ...more,
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  return runId;
}

const opened = (runId: string, round: number) =>
  eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));

const closed = (runId: string, round: number): Promise<Round> =>
  eventually(`the end of round ${round}`, async () => {
    const document = await cloud.store.get(refs.round(runId, round));
    return document?.followedUp === true ? document : null;
  });

/** The clients that a round invites for a tier. */
function invited({ tiers = [] }: Round, tier: number): [string, string] {
  const [first, second, ...more] = tiers.find((one) => one.tier === tier)?.members ?? [];
  if (first === undefined || second === undefined || more.length > 0)
    throw new Error(`no pair in tier ${tier}`);
  return [first, second];
}

/** How far a version's parameters are from the initial ones: all of them as far. */
async function moved(runId: string, version: number): Promise<number> {
  const values = async (number: number) =>
    asFloat32(decodeSafetensors(await cloud.objects.read(modelObject(runId, number))).tensors[0] as never);
  const [before, after] = [await values(0), await values(version)];
  return (after[0] ?? 0) - (before[0] ?? 0);
}

const say = (runId: string, round: number, clientId: string, value: number, samples = 10) =>
  contribute(cloud, { runId, round, clientId }, { value, samples });

async function fails(runId: string, round: number, clientId: string): Promise<void> {
  const place = { runId, round, clientId };
  const { attempt } = Grant.parse((await claim(cloud, place)).body);
  await report(cloud, place, attempt, { failure: "no data" });
}

test("a version is of one tier, from the version that its clients began from, weighed by the others' counts", async () => {
  const runId = await start("three-versions");
  const first = await opened(runId, 1);
  const [fast, slow] = [invited(first, 1), invited(first, 2)];
  expect([...fast, ...slow].toSorted()).toEqual(first.cohort);

  // An update of the slow tier waits for the other of its own tier.
  await say(runId, 1, slow[0], -1);
  await say(runId, 1, fast[0], 4, 10);
  await say(runId, 1, fast[1], 0, 30);
  expect(await closed(runId, 1)).toMatchObject({
    tier: 1,
    closeReason: "all-reported",
    newVersion: 1,
    consumed: fast.toSorted().map((clientId) => ({ clientId, round: 1 })),
  });
  expect(await moved(runId, 1)).toBeCloseTo(1, 5);

  const second = await opened(runId, 2);
  expect(second.tiers?.map(({ tier }) => tier)).toEqual([1]);
  expect(second.carried).toMatchObject(slow.toSorted().map((clientId) => ({ clientId, round: 1, tier: 2 })));
  const next = invited(second, 1);
  // As many updates as a round of a buffer would want, of two tiers: none of them is done.
  await say(runId, 2, next[0], 2);
  expect((await opened(runId, 2)).status).toBe("training");
  await fails(runId, 1, slow[1]);
  expect(await closed(runId, 2)).toMatchObject({
    tier: 2,
    newVersion: 2,
    consumed: [{ clientId: slow[0], round: 1, weight: 1 }],
  });
  // The models are 1 and −1 from the initial one, and each tier has made one version.
  expect(await moved(runId, 2)).toBeCloseTo(0, 5);

  const third = await opened(runId, 3);
  expect(third.tiers?.map(({ tier }) => tier)).toEqual([2]);
  await say(runId, 2, next[1], 2);
  expect(await closed(runId, 3)).toMatchObject({ tier: 1, baseVersion: 2, newVersion: 3 });
  // The fast tier's model is 1 + 2, of counts (2, 1) it has a third; the slow tier's is −1 still.
  expect(await moved(runId, 3)).toBeCloseTo(3 / 3 - 2 / 3, 5);
  const run = await eventually("the end of the run", async () => {
    const document = await cloud.store.get(refs.run(runId));
    return document?.status === "completed" ? document : null;
  });
  expect(run.tiers).toEqual([
    { versions: 2, round: 3 },
    { versions: 1, round: 2 },
  ]);
  expect(run.totals).toMatchObject({ inTime: 5, failed: 1, missed: 0 });
});

test("at its clients' own deadline a tier makes its version of what is in, whichever round is open", async () => {
  const runId = await start("silent", { stop: { rounds: 2 } });
  const first = await opened(runId, 1);
  const [fast, slow] = [invited(first, 1), invited(first, 2)];
  await say(runId, 1, slow[0], 3);
  await say(runId, 1, fast[0], 1);
  // The second round has its own deadline long after that of the clients of the first.
  cloud.advance(400_000);
  await say(runId, 1, fast[1], 1);
  const second = await opened(runId, 2);
  cloud.advance(210_000);
  const over = await closed(runId, 2);
  expect(over).toMatchObject({ tier: 2, closeReason: "deadline", newVersion: 2 });
  expect(over.aggregatingAt).toBeLessThan(second.deadlineAt);
  expect(over.outcomes).toContainEqual(
    expect.objectContaining({ clientId: slow[1], round: 1, result: "missed" }),
  );
  expect(await moved(runId, 2)).toBeCloseTo(2, 5);
  await eventually("no update being left", async () =>
    (await cloud.objects.list(updatesOf(runId))).objects.length === 0 ? true : null,
  );
});
