// Codistillation through the real functions: two runs with clients of their own learn from each other's
// versions, and go on whatever becomes of the other one.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer, TrainTask } from "../../shared/core/ports/trainer.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import {
  asFloat32,
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
} from "../../shared/core/updates/safetensors.ts";
import { type ClientServer, startClientServer } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { withDatabase } from "../support/recording.ts";
import { accountOf, claim, eventually } from "../support/scriptedClient.ts";
import { sameSamples, steppingTrainer } from "../support/steppingTrainer.ts";
import { withTransact } from "../support/withTransact.ts";

/** How far a client moves every parameter; each is a side, with runs of its own. */
const STEPS = { north: 1, south: 10 } as const;
type Side = keyof typeof STEPS;
const SIDES = Object.keys(STEPS) as Side[];

const stepping = steppingTrainer(STEPS);
/** What each client was given to learn from in its last training: the first value of each teacher. */
const taught = new Map<string, readonly number[]>();
const trainer: Trainer = {
  ...stepping,
  train: async (task: TrainTask) => {
    taught.set(
      task.clientId,
      (task.teachers ?? []).map(
        (weights) => weights.find(({ name }) => name === KERNEL)?.values[0] ?? Number.NaN,
      ),
    );
    return stepping.train(task);
  },
};
const KERNEL = "hidden/kernel";

/** For a machine that is busy with other work. */
const PATIENCE_MS = 60_000;
vi.setConfig({ testTimeout: 2 * PATIENCE_MS });

let cloud: TestCloud;
let server: ClientServer;
/** Called before a client's call is answered. */
let onCall: () => Promise<void>;
/** Called before a version is published whose file is written. */
let beforePublish: () => Promise<void>;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: async () => sameSamples(),
    watched: (store) =>
      withTransact(store, async (step, body) => {
        if (step === "publish") await beforePublish();
        return store.transact(step, body);
      }),
  });
  server = await startClientServer(cloud, depsOf);
  for (const clientId of [...SIDES, "old"]) {
    await cloud.call("POST", "/v1/clients", {
      clientId,
      url: clientId === "old" ? "http://127.0.0.1:9/" : server.url,
      serviceAccount: accountOf(clientId),
      labels: { side: clientId },
    });
  }
});

afterAll(async () => {
  await server.close();
  await cloud.stop();
});

beforeEach(() => {
  taught.clear();
  onCall = async () => undefined;
  beforePublish = async () => undefined;
});

async function depsOf() {
  await onCall();
  return { trainer: async () => trainer };
}

let groups = 0;
/** A group that no other test has. */
const newGroup = () => `group-${++groups}`;

const specOf = (side: string, group: string | null, training: object = {}) => ({
  name: side,
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 1, clients: { labels: { side } } },
  aggregation: { norm: { action: "none" } },
  training: group === null ? {} : { method: "codistillation", group, burnInRounds: 1, ...training },
  stop: { rounds: 20 },
});

async function newRun(side: string, group: string | null, training: object = {}): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/runs", specOf(side, group, training));
  expect(status, JSON.stringify(body)).toBe(201);
  await eventually(
    "the run being ready",
    async () => ((await cloud.store.get(refs.run(body.runId)))?.status === "ready" ? true : null),
    PATIENCE_MS,
  );
  return body.runId;
}

/** Triggers a round of a run, and waits for its end; what the client has learned from is in `taught`. */
async function play(runId: string): Promise<Round> {
  const triggered = await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  expect(triggered.status, JSON.stringify(triggered.body)).toBe(202);
  return eventually(
    "the round's end",
    async () => {
      const [round, run] = await Promise.all([
        cloud.store.get(refs.round(runId, triggered.body.round)),
        cloud.store.get(refs.run(runId)),
      ]);
      return round?.followedUp === true && run?.openRound === null ? round : null;
    },
    PATIENCE_MS,
  );
}

async function kernelOf(runId: string, version: number): Promise<number> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  const found = tensors.find(({ name }) => name === KERNEL);
  return found === undefined ? Number.NaN : (asFloat32(found)[0] ?? Number.NaN);
}

const invocationOf = (runId: string, round: number, side: Side) =>
  cloud.store.get(refs.invocation(runId, round, side));

describe("two runs of a group", () => {
  test("learn from each other's newest versions once their burn-in is over", async () => {
    const group = newGroup();
    const [north, south] = [await newRun("north", group), await newRun("south", group)];
    expect(await cloud.store.get(refs.run(north))).toMatchObject({ teaches: group });
    const burnIn = await play(north);
    expect("teachers" in burnIn).toBe(false);
    expect(taught.get("north")).toEqual([]);

    // The other one has no version yet.
    const early = await play(north);
    expect(early.teachers).toEqual({
      versions: [],
      leftOut: [{ runId: south, reason: "it has made no version yet" }],
    });
    expect(taught.get("north")).toEqual([]);

    await play(south);
    const later = await play(south);
    expect(later.teachers).toEqual({ versions: [{ runId: north, version: 2 }], leftOut: [] });
    expect(taught.get("south")).toEqual([await kernelOf(north, 2)]);

    const third = await play(north);
    expect(third.teachers).toEqual({ versions: [{ runId: south, version: 2 }], leftOut: [] });
    expect(taught.get("north")).toEqual([await kernelOf(south, 2)]);
    expect(third).toMatchObject({ status: "closed", newVersion: 3, counts: { inTime: 1 } });
    expect((await invocationOf(north, 3, "north"))?.training).not.toHaveProperty("withoutTeachers");
    // Its own way alone has moved it: the trainer of this test learns nothing.
    expect((await kernelOf(north, 3)) - (await kernelOf(north, 2))).toBeCloseTo(1, 4);
  });

  test("have versions of a while ago between refreshes", async () => {
    const group = newGroup();
    const [north, south] = [await newRun("north", group, { refreshRounds: 2 }), await newRun("south", group)];
    await play(south);
    await play(north);
    const versions: (number | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      versions.push((await play(north)).teachers?.versions[0]?.version);
      await play(south);
    }
    expect(versions).toEqual([1, 1, 3]);
  });

  test("keep to what the round noted, whenever a client claims and however often the round is opened", async () => {
    const group = newGroup();
    const [old, south] = [await newRun("old", group, { burnInRounds: 0 }), await newRun("south", group)];
    await play(south);
    await cloud.call("POST", `/v1/runs/${old}/rounds`);
    const round = await eventually("the round", () => cloud.store.get(refs.round(old, 1)));
    const place = { runId: old, round: 1, clientId: "old" };
    const linked = async () => {
      const { body } = await claim(cloud, place);
      return body.teachers.map((link: { url: string }) => new URL(link.url).pathname);
    };
    const first = await linked();
    expect(first).toEqual([expect.stringContaining(`runs/${south}/models/1.safetensors`)]);
    await play(south);
    const again = await cloud.callAs("task-invoker", cloud.urls.coordinator, "/open-round", {
      runId: old,
      request: 1,
    });
    expect(again.status).toBe(200);
    expect(await linked()).toEqual(first);
    expect((await cloud.store.get(refs.round(old, 1)))?.teachers).toEqual(round.teachers);
    await cloud.call("POST", `/v1/runs/${old}/cancel`);
  });

  test("with weight 0 one only teaches", async () => {
    const group = newGroup();
    const [north, south] = [await newRun("north", group, { weight: 0 }), await newRun("south", group)];
    await play(south);
    await play(north);
    expect("teachers" in (await play(north))).toBe(false);
    expect((await play(south)).teachers?.versions).toEqual([{ runId: north, version: 2 }]);
  });

  test("hear nothing of runs of other groups, and of none", async () => {
    const [north, south, none] = [
      await newRun("north", newGroup()),
      await newRun("south", newGroup()),
      await newRun("south", null),
    ];
    for (const runId of [south, none, north]) await play(runId);
    expect((await play(north)).teachers).toEqual({ versions: [], leftOut: [] });
    expect(await cloud.store.get(refs.run(none))).not.toHaveProperty("teaches");
  });
});

describe("a run goes on", () => {
  async function pair(): Promise<{ north: string; south: string }> {
    const group = newGroup();
    const [north, south] = [await newRun("north", group), await newRun("south", group)];
    for (const runId of [north, south]) await play(runId);
    return { north, south };
  }

  test("where the other one is cancelled", async () => {
    const { north, south } = await pair();
    await cloud.call("POST", `/v1/runs/${south}/cancel`);
    const round = await play(north);
    expect(round.teachers).toEqual({ versions: [], leftOut: [{ runId: south, reason: "it is cancelled" }] });
    expect(round.status).toBe("closed");
  });

  test("where the other one's next version is written and not published, which teaches nobody", async () => {
    const { north, south } = await pair();
    const [written, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    beforePublish = async () => {
      beforePublish = async () => undefined;
      written.resolve();
      await held.promise;
    };
    const other = play(south);
    await written.promise;
    expect(await kernelOf(south, 2)).not.toBe(await kernelOf(south, 1));
    const round = await play(north);
    expect(round.teachers).toEqual({ versions: [{ runId: south, version: 1 }], leftOut: [] });
    expect(taught.get("north")).toEqual([await kernelOf(south, 1)]);
    held.resolve();
    expect((await other).newVersion).toBe(2);
    expect((await play(north)).teachers?.versions).toEqual([{ runId: south, version: 2 }]);
  });

  test("where the other one's file is gone as the round opens", async () => {
    const { north, south } = await pair();
    await cloud.objects.remove(modelObject(south, 1));
    const round = await play(north);
    expect(round.teachers?.leftOut).toEqual([{ runId: south, reason: "the file of its version 1 is gone" }]);
    expect(round.status).toBe("closed");
  });

  test.each<[string, (south: string) => Promise<unknown>]>([
    ["holds values that are not finite", (south) => spoil(modelObject(south, 1))],
    ["is gone", (south) => cloud.objects.remove(modelObject(south, 1))],
    ["holds other bytes", (south) => cloud.objects.write(modelObject(south, 1), new Uint8Array(64).fill(7))],
    [
      "is larger than the model",
      (south) => cloud.objects.write(modelObject(south, 1), new Uint8Array(1_000_000)),
    ],
  ])("where the file %s once the client is called, and the operator sees that", async (_what, damage) => {
    const { north, south } = await pair();
    onCall = async () => {
      await damage(south);
    };
    const round = await play(north);
    expect(round.teachers?.versions).toEqual([{ runId: south, version: 1 }]);
    expect(round.consumed).toHaveLength(1);
    expect(taught.get("north")).toEqual([]);
    expect((await invocationOf(north, 2, "north"))?.training).toMatchObject({ withoutTeachers: 1 });
  });

  test("where the other one's document is damaged", async () => {
    const { north, south } = await pair();
    await withDatabase(cloud, (db) => db.doc(`runs/${south}`).set({ round: "three" }, { merge: true }));
    const round = await play(north);
    expect(round.teachers?.leftOut).toEqual([{ runId: south, reason: "its document cannot be read" }]);
    expect(round.status).toBe("closed");
  });

  test("where the other one has other layers, which two that are created at once may have", async () => {
    const { north, south } = await pair();
    const object = `runs/${south}/model.json`;
    const other = new TextDecoder().decode(await cloud.objects.read(object)).replace("tanh", "relu");
    await cloud.objects.write(object, new TextEncoder().encode(other));
    const round = await play(north);
    expect(round.teachers?.leftOut).toEqual([{ runId: south, reason: "its model is another one" }]);
  });
});

/** As a diverged run would have it. */
async function spoil(object: string): Promise<void> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(object));
  const spoilt = tensors.map((tensor) =>
    floatTensor(tensor.name, tensor.shape, asFloat32(tensor).fill(Number.NaN, 1)),
  );
  await cloud.objects.write(object, encodeSafetensors(spoilt));
}

describe("is refused", () => {
  /** Everything that is wrong with a spec, which the check of it says as well. */
  async function problemsOf(spec: object): Promise<readonly { path: string; message: string }[]> {
    const { status, body } = await cloud.call("POST", "/v1/runs", spec);
    expect(status, JSON.stringify(body)).toBe(400);
    const check = await cloud.call("POST", "/v1/runs/check", spec);
    expect(check.body.problems).toEqual(body.error.problems);
    return body.error.problems;
  }

  test("a run with another model or loss than the group has", async () => {
    const group = newGroup();
    const first = await newRun("north", group);
    const layers = { inputShape: [4], layers: [{ type: "Dense", units: 3, activation: "softmax" }] };
    expect(await problemsOf({ ...specOf("south", group), model: layers })).toEqual([
      { path: "model", message: expect.stringContaining(first) },
    ]);
    expect(await problemsOf(specOf("south", group, { loss: "categoricalCrossentropy" }))).toEqual([
      { path: "training.loss", message: expect.stringContaining(`must be sparseCategoricalCrossentropy`) },
    ]);
    // Another group has another model.
    expect(
      (await cloud.call("POST", "/v1/runs", { ...specOf("south", newGroup()), model: layers })).status,
    ).toBe(201);
  });

  test("a run whose layers have the same shapes and compute something else, and not one whose are the same", async () => {
    const group = newGroup();
    const model = (activation: string) => ({
      inputShape: [4],
      layers: [
        { type: "Dense", units: 5, activation },
        { type: "Dense", units: 3, activation: "softmax" },
      ],
    });
    const create = (activation: string) =>
      cloud.call("POST", "/v1/runs", { ...specOf("north", group), model: model(activation) });
    expect((await create("tanh")).status).toBe(201);
    expect((await create("tanh")).status).toBe(201);
    expect(await problemsOf({ ...specOf("south", group), model: model("relu") })).toEqual([
      { path: "model", message: expect.stringContaining(`training.group ${group}`) },
    ]);
  });

  test("a sixth run, until one of the five is cancelled", async () => {
    const group = newGroup();
    const runs: string[] = [];
    for (let i = 0; i < 5; i++) runs.push(await newRun("north", group));
    const [problem, ...others] = await problemsOf(specOf("south", group));
    expect(others).toEqual([]);
    expect(problem).toEqual({ path: "training.group", message: expect.stringContaining("5 at most") });
    for (const runId of runs) expect(problem?.message).toContain(runId);
    await cloud.call("POST", `/v1/runs/${runs[0]}/cancel`);
    await newRun("south", group);
  });

  test("a client of an older release, which would train something else", async () => {
    const runId = await newRun("old", newGroup());
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
    const answer = await claim(cloud, { runId, round: 1, clientId: "old" }, undefined, 5);
    expect([answer.status, answer.body.error.message]).toEqual([409, expect.stringContaining("release 6")]);
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
  });
});
