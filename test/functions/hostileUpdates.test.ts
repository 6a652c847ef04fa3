// Hostile updates against the real coordinator and aggregator: each costs only itself. The round goes on, its
// model has the bytes of a round without the bad clients, and an operator reads in both documents what was
// wrong and what to do.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceAccount } from "../../infra/box/deployment.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { MAX_ATTEMPTS } from "../../shared/core/round/report.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import { asFloat32, decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { gathered } from "../support/gathered.ts";
import { hostileFiles } from "../support/hostileUpdates.ts";
import {
  accountOf,
  claim,
  contribute,
  eventually,
  type Place,
  put,
  registerClients,
  report,
  updateFile,
} from "../support/scriptedClient.ts";

const GOOD = ["good-a", "good-b"];
const SAMPLES = 10;

const scorer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("tiny-mlp")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async () => ({ accuracy: 0.5, loss: 1, metrics: {}, details: null, samples: 1 }),
};

/** A client that does what it should not, between its claim and the end of the round. */
interface Attack {
  /** The code that the update is dropped with; null where the report itself is refused, and is a failure. */
  readonly code: string | null;
  act(place: Place, grant: Grant): Promise<void>;
}

async function upload(grant: Grant, file: Uint8Array<ArrayBuffer>, status = 200): Promise<void> {
  expect(await put(grant, file)).toBe(status);
}

async function uploadAndReport(
  place: Place,
  grant: Grant,
  file: Uint8Array,
  status = "reported",
): Promise<void> {
  const answer = await report(cloud, place, grant.attempt, { file, samples: SAMPLES });
  expect([answer.status, answer.body.status], JSON.stringify(answer.body)).toEqual([200, status]);
}

const lies: Record<string, Attack> = {
  "a report without an upload": {
    code: null,
    act: (place, grant) => uploadAndReport(place, grant, updateFile(grant, 1), "failed"),
  },
  "another checksum": {
    code: "wrong-checksum",
    act: async (place, grant) => {
      await upload(grant, updateFile(grant, 1));
      await uploadAndReport(place, grant, updateFile(grant, 2));
    },
  },
  "another size": {
    code: null,
    act: async (place, grant) => {
      await upload(grant, updateFile(grant, 1));
      await uploadAndReport(place, grant, updateFile(grant, 1).subarray(1), "failed");
    },
  },
  "nothing in the object": {
    code: null,
    act: async (place, grant) => {
      await upload(grant, new Uint8Array(0));
      await uploadAndReport(place, grant, updateFile(grant, 1), "failed");
    },
  },
  "more bytes than the link takes": {
    code: null,
    act: async (place, grant) => {
      const file = new Uint8Array(100_000);
      await upload(grant, file, 400);
      await uploadAndReport(place, grant, file, "failed");
    },
  },
};

const attacks: Readonly<Record<string, Attack>> = {
  ...Object.fromEntries(
    Object.entries(hostileFiles).map(([name, { code, make }]): [string, Attack] => [
      name,
      {
        code,
        act: async (place, grant) => {
          const file = make(grant);
          await upload(grant, file);
          await uploadAndReport(place, grant, file);
        },
      },
    ]),
  ),
  ...lies,
};
const isDropped = ({ name }: { readonly name: string }) => attacks[name]?.code !== null;
const kinds = Object.keys(attacks).map((name, index) => ({ name, clientId: `bad-${10 + index}` }));

/** When tasks are due, by name. */
const scheduled = new Map<string, number>();

let cloud: TestCloud;
let attacked: Round;
let spared: Round;

beforeAll(async () => {
  cloud = await startTestCloud({
    onTask: (event) => {
      if (event.kind === "created") scheduled.set(event.task, event.scheduleMs);
    },
    trainer: async () => scorer,
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  await registerClients(cloud, GOOD);
  spared = await playRound(await createRun({}, GOOD.length), []);
  await registerClients(
    cloud,
    kinds.map(({ clientId }) => clientId),
  );
  attacked = await playRound(await createRun({}, GOOD.length + kinds.length), kinds);
}, 60_000);

afterAll(() => cloud.stop());

async function createRun(spec: object, cohortSize: number): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/runs", {
    name: "Hostile",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize },
    ...spec,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(body.runId)))?.status === "ready" ? true : null,
  );
  return body.runId;
}

async function openRound(runId: string, round: number): Promise<readonly string[]> {
  expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
  const opened = await eventually("the round being open", async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.status === "training" ? found : null;
  });
  return opened.cohort;
}

function closed(runId: string, round: number): Promise<Round> {
  return eventually("the round being closed and followed up", async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.followedUp === true ? found : null;
  });
}

async function grantOf(place: Place): Promise<Grant> {
  const { status, body } = await claim(cloud, place);
  expect(status, JSON.stringify(body)).toBe(200);
  return Grant.parse(body);
}

/** A first round in which the good clients contribute and every bad one attacks. */
async function playRound(runId: string, bad: typeof kinds): Promise<Round> {
  await openRound(runId, 1);
  await Promise.all(
    bad.map(async ({ name, clientId }) => {
      const place = { runId, round: 1, clientId };
      await attacks[name]?.act(place, await grantOf(place));
    }),
  );
  for (const [index, clientId] of GOOD.entries()) {
    await contribute(cloud, { runId, round: 1, clientId }, { value: index + 1, samples: SAMPLES });
  }
  return closed(runId, 1);
}

/** The values of a version, without the metadata of its file, which names the run. */
async function valuesOf(runId: string, version: number): Promise<Record<string, number[]>> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  return Object.fromEntries(tensors.map((tensor) => [tensor.name, [...asFloat32(tensor)]]));
}

async function step(runId: string, version: number): Promise<number> {
  const [before, after] = await Promise.all([valuesOf(runId, version - 1), valuesOf(runId, version)]);
  return (after["hidden/kernel"]?.[0] ?? Number.NaN) - (before["hidden/kernel"]?.[0] ?? Number.NaN);
}

describe("a round with a bad client of every kind", () => {
  test("makes the model that it makes without them", async () => {
    expect(spared.counts).toMatchObject({ inTime: GOOD.length, failed: 0, rejected: 0 });
    const rejected = kinds.filter(isDropped).length;
    expect(attacked.counts).toMatchObject({
      inTime: GOOD.length,
      failed: kinds.length - rejected,
      rejected,
    });
    expect(attacked).toMatchObject({ status: "closed", closeReason: "all-reported", newVersion: 1 });
    expect(attacked.consumed).toEqual(spared.consumed);
    expect(await valuesOf(attacked.runId, 1)).toEqual(await valuesOf(spared.runId, 1));
    expect(await step(attacked.runId, 1)).toBeCloseTo(1.5, 6);
  });

  test.each(kinds.filter((kind) => !isDropped(kind)))("$name is a failure that says why", async (kind) => {
    const invocation = await cloud.store.get(refs.invocation(attacked.runId, 1, kind.clientId));
    expect(invocation).toMatchObject({
      status: "failed",
      update: null,
      failure: { message: expect.stringMatching(/upload first|upload the very file/) },
    });
  });

  test.each(kinds.filter(isDropped))(
    "$name is dropped with its code and what to do",
    async ({ name, clientId }) => {
      const dropped = attacked.dropped.find((update) => update.clientId === clientId);
      expect(dropped).toMatchObject({ round: 1, attempt: 1, fate: "rejected" });
      expect(dropped?.reason).toContain(`${attacks[name]?.code}: `);
      expect(dropped?.reason.isWellFormed()).toBe(true);
      expect(dropped?.reason).toMatch(/: (lower|send|encode|train|upload)|, expected|Upload the whole file/);
      const invocation = await cloud.store.get(refs.invocation(attacked.runId, 1, clientId));
      expect(invocation).toMatchObject({
        status: "rejected",
        failure: { code: "rejected", message: dropped?.reason },
        consumedInRound: null,
        weight: null,
      });
    },
  );

  test("leaves nothing behind: no objects, no errors of ours, a roster that knows", async () => {
    const { objects } = await cloud.objects.list(`runs/${attacked.runId}/updates/`);
    expect(objects).toEqual([]);
    expect(cloud.logs.filter(({ severity }) => severity === "error")).toEqual([]);
    const clients = (await gathered(cloud.store.rosterShards(attacked.runId)))[0]?.clients;
    expect(Object.keys(clients ?? {})).toHaveLength(GOOD.length + kinds.length);
    expect(clients?.["good-a"]).toMatchObject({ missedRounds: [] });
  });

  test("is followed by the next", async () => {
    const cohort = await openRound(attacked.runId, 2);
    expect(cohort).toEqual(expect.arrayContaining(GOOD));
  });
});

test("an update replayed in a later round is refused, though its client did well before", async () => {
  const runId = await createRun({}, 2);
  const [first = "", ...others] = await openRound(runId, 1);
  const places = (round: number, clientIds: readonly string[]) =>
    clientIds.map((clientId) => ({ runId, round, clientId }));
  const old = { value: 2, samples: SAMPLES };
  for (const place of places(1, [first, ...others])) await contribute(cloud, place, old);
  await closed(runId, 1);

  const [replayer = "", ...rest] = await openRound(runId, 2);
  const place = { runId, round: 2, clientId: replayer };
  const grant = await grantOf(place);
  const file = updateFile({ ...grant, baseVersion: 0 }, old.value);
  await upload(grant, file);
  await uploadAndReport(place, grant, file);
  for (const other of places(2, rest)) await contribute(cloud, other, { value: 4, samples: SAMPLES });
  const round = await closed(runId, 2);
  expect(round.dropped.map(({ clientId, reason }) => `${clientId} ${reason.split(":")[0]}`)).toEqual([
    `${replayer} wrong-base-version`,
  ]);
  expect(round).toMatchObject({ status: "closed", newVersion: 2 });
  expect(await step(runId, 2)).toBeCloseTo(4, 5);
});

describe("a client that meddles with others, or with itself", () => {
  let runId: string;
  let mine: Place;
  let theirs: Place;

  beforeAll(async () => {
    runId = await createRun({}, 3);
    const [me = "", they = ""] = await openRound(runId, 1);
    mine = { runId, round: 1, clientId: me };
    theirs = { runId, round: 1, clientId: they };
  });

  test("may neither claim nor report nor fail another's invocation", async () => {
    const grant = await grantOf(theirs);
    const file = updateFile(grant, 1e3);
    const before = await cloud.store.get(refs.invocation(runId, 1, theirs.clientId));
    const me = accountOf(mine.clientId);
    for (const answer of [
      await claim(cloud, theirs, me),
      await report(cloud, theirs, 1, { file, samples: SAMPLES }, me),
      await report(cloud, theirs, 1, { failure: "x" }, me),
    ]) {
      expect(answer.status).toBe(403);
      expect(answer.body.error).toMatchObject({ code: "permission-denied" });
      expect(answer.body.error.message).toContain("service account");
    }
    expect(await cloud.store.get(refs.invocation(runId, 1, theirs.clientId))).toEqual(before);
  });

  test("may not report what was never granted", async () => {
    const grant = await grantOf(mine);
    const file = updateFile(grant, 1);
    const answer = await report(cloud, mine, grant.attempt + 1, { file, samples: SAMPLES });
    expect(answer.status).toBe(409);
    expect(answer.body.error.message).toContain("claim first");
  });

  test("has one update: a second upload or report changes nothing", async () => {
    const grant = await grantOf(mine);
    const file = updateFile(grant, 2);
    await upload(grant, file);
    await upload(grant, updateFile(grant, 9), 412);
    await uploadAndReport(mine, grant, file);
    const again = await report(cloud, mine, grant.attempt, { file: updateFile(grant, 9), samples: 1e12 });
    expect(again.body).toMatchObject({ status: "ignored" });
    const failed = await report(cloud, mine, grant.attempt, { failure: "changed my mind" });
    expect(failed.body).toMatchObject({ status: "ignored" });
    expect((await cloud.store.get(refs.invocation(runId, 1, mine.clientId)))?.training?.samples).toBe(
      SAMPLES,
    );
  });
});

describe("what an update counts for", () => {
  test("is bounded by its peers, with no data card: a client cannot buy the model by a number", async () => {
    const runId = await createRun({ aggregation: { maxSamplesRatio: 2 } }, 3);
    const [greedy = "", ...honest] = await openRound(runId, 1);
    const place = { runId, round: 1, clientId: greedy };
    const grant = Grant.parse((await claim(cloud, place)).body);
    const file = updateFile(grant, 9);
    await upload(grant, file);
    await report(cloud, place, grant.attempt, { file, samples: 1e12, steps: 1e12 });
    for (const clientId of honest)
      await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: SAMPLES });
    const { consumed } = await closed(runId, 1);
    const shares = new Map(consumed.map((update) => [update.clientId, update]));
    expect(shares.get(greedy)).toMatchObject({ samples: 2 * SAMPLES, toldSamples: 1e12, weight: 0.5 });
    for (const clientId of honest) {
      expect(shares.get(clientId)).toMatchObject({ samples: SAMPLES, weight: 0.25 });
      expect(shares.get(clientId)).not.toHaveProperty("toldSamples");
    }
    expect(await step(runId, 1)).toBeCloseTo(5, 3);
  });
});

describe("the norm of an update", () => {
  test.each([
    // The model has 67 values, so that the norm of all ones is √67, which the long one is shortened to.
    ["clip", { action: "clip", max: Math.sqrt(67) }, 1, 1e3],
    ["reject", { action: "reject", max: 2 * Math.sqrt(67) }, 1, null],
    ["none", { action: "none" }, 500.5, 1],
  ] as const)("%s", async (_, norm, moved, factor) => {
    const runId = await createRun({ aggregation: { norm } }, 2);
    const [long = "", short = ""] = await openRound(runId, 1);
    await contribute(cloud, { runId, round: 1, clientId: long }, { value: 1e3, samples: SAMPLES });
    await contribute(cloud, { runId, round: 1, clientId: short }, { value: 1, samples: SAMPLES });
    const round = await closed(runId, 1);
    expect(await step(runId, 1)).toBeCloseTo(moved, 3);
    const consumed = round.consumed.map(({ clientId, weight, scale }) => ({ clientId, weight, scale }));
    if (factor === null) {
      expect(round.dropped).toMatchObject([{ clientId: long, fate: "rejected" }]);
      expect(round.dropped[0]?.reason).toMatch(/^norm-too-large: .* see aggregation\.norm\.$/);
    } else {
      const scale = factor === 1 ? undefined : expect.closeTo(1 / factor, 9);
      expect(consumed).toEqual([
        { clientId: long, weight: 0.5, scale },
        { clientId: short, weight: 0.5, scale: undefined },
      ]);
    }
  });
});

describe("a client that reports at once, and has uploaded nothing", () => {
  test("closes no round, and is counted by no quorum", async () => {
    const runId = await createRun({ round: { quorum: 0.5, deadlineSeconds: 60 } }, 4);
    const cohort = await openRound(runId, 1);
    for (const clientId of cohort.slice(0, 2)) {
      const place = { runId, round: 1, clientId };
      const grant = await grantOf(place);
      await uploadAndReport(place, grant, updateFile(grant, 1), "failed");
    }
    expect((await cloud.store.get(refs.round(runId, 1)))?.status).toBe("training");
    for (const clientId of cohort.slice(2)) {
      await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: SAMPLES });
    }
    expect(await closed(runId, 1)).toMatchObject({ newVersion: 1, counts: { inTime: 2, failed: 2 } });
  });
});

describe("a client that has its links", () => {
  test("can claim no more often than its task can be delivered", async () => {
    const runId = await createRun({}, 2);
    const [clientId = ""] = await openRound(runId, 1);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      expect((await grantOf({ runId, round: 1, clientId })).attempt).toBe(attempt);
    }
    const over = await claim(cloud, { runId, round: 1, clientId });
    expect([over.status, over.body.error.code]).toEqual([409, "failed-precondition"]);
    const invocation = await cloud.store.get(refs.invocation(runId, 1, clientId));
    expect(invocation?.attempt).toBe(MAX_ATTEMPTS);
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
  });

  test("leaves nothing behind that it uploads after the run was swept", async () => {
    const runId = await createRun({}, 1);
    const [clientId = ""] = await openRound(runId, 1);
    const place = { runId, round: 1, clientId };
    const grant = await grantOf(place);
    const file = updateFile(grant, 1);
    await upload(grant, file);
    await uploadAndReport(place, grant, file);
    await closed(runId, 1);
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
    await eventually("the run being swept", async () =>
      (await cloud.store.get(refs.run(runId)))?.swept === true ? true : null,
    );
    const left = async () => (await cloud.objects.list(`runs/${runId}/updates/`)).objects.length;
    expect(await left()).toBe(0);
    // Its object is gone, so that its link makes another one.
    await upload(grant, file);
    expect(await left()).toBe(1);
    const lastSweep = `sweep_${runId}_2`;
    expect(scheduled.get(lastSweep)).toBeGreaterThan(grant.update.expiresAt);
    const asked = await cloud.callAs(
      serviceAccount("task-invoker", cloud.projectId),
      cloud.urls.coordinator,
      "/sweep",
      { runId, pass: 2 },
    );
    expect(asked.status, JSON.stringify(asked.body)).toBe(200);
    expect(await left()).toBe(0);
  });
});
