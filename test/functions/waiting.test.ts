// What a run waits for, on the local cloud's servers: it says so, and goes on as soon as it can.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
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

const CLIENTS = ["clinic-a", "clinic-b", "clinic-c"];
const DEADLINE_SECONDS = 60;

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

function runIs(runId: string, what: string, is: (run: Run) => boolean): Promise<Run> {
  return eventually(`run ${runId} ${what}`, async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run !== null && is(run) ? run : null;
  });
}

/**
 * A run of two rounds whose clients, all of them, claim at once and miss their first round, which is extended
 * once.
 */
async function allLate(minUpdates: number) {
  const created = await cloud.call("POST", "/v1/runs", {
    name: "Waiting",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 3 },
    round: { deadlineSeconds: DEADLINE_SECONDS, minUpdates },
    stop: { rounds: 2 },
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await runIs(runId, "being ready", ({ status }) => status === "ready");
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  await runIs(runId, "having a round", ({ openRound }) => openRound === 1);
  const grants = new Map<string, Grant>();
  for (const clientId of CLIENTS) {
    const granted = await claim(cloud, { runId, round: 1, clientId });
    expect(granted.status).toBe(200);
    grants.set(clientId, Grant.parse(granted.body));
  }
  cloud.advance(DEADLINE_SECONDS * 1_000);
  await eventually("the extension", async () => {
    const round = await cloud.store.get(refs.round(runId, 1));
    return round?.extended ? round : null;
  });
  cloud.advance(DEADLINE_SECONDS * 1_000);
  const contribute = async (clientId: string) => {
    const grant = grants.get(clientId);
    if (grant === undefined) throw new Error(`${clientId} has no grant`);
    const file = updateFile(grant, 1);
    expect(await put(grant, file)).toBe(200);
    const answer = await report(cloud, { runId, round: 1, clientId }, grant.attempt, { file, samples: 10 });
    expect(answer).toMatchObject({ status: 200, body: { status: "late" } });
  };
  return { runId, contribute };
}

describe("a round whose clients are all late", () => {
  test("is followed by the next when enough have reported, and until then the run names the clients that it waits for", async () => {
    const { runId, contribute } = await allLate(2);
    const { body } = await eventually("the run waiting", async () => {
      const read = await cloud.call("GET", `/v1/runs/${runId}`);
      return read.body.waiting === null ? null : read;
    });
    expect(body).toMatchObject({
      status: "running",
      statusReason: expect.stringMatching(
        /^0 of the 2 clients .* busy, or with a call on its way: clinic-a, clinic-b, clinic-c\. .* looks again at 20.*Z$/,
      ),
      waiting: { what: "clients", clientIds: CLIENTS, count: 3 },
    });
    // The claims' time-outs are nine minutes after the claims, which are two deadlines old.
    expect(Date.parse(body.waiting.untilAt) - cloud.nowMs()).toBeGreaterThan(400_000);

    await contribute("clinic-a");
    const still = await runIs(runId, "looking again", ({ waiting }) => waiting?.count === 2);
    expect(still.waiting?.clientIds).toEqual(["clinic-b", "clinic-c"]);
    expect(still.statusReason).toContain("1 of the 2 clients");

    await contribute("clinic-c");
    const open = await runIs(runId, "going on", ({ openRound }) => openRound === 2);
    expect(open).toMatchObject({ waiting: null, statusReason: null });
    const round = await cloud.store.get(refs.round(runId, 2));
    expect(round?.cohort).toEqual(["clinic-a", "clinic-c"]);
    expect(round?.notChosen).toEqual([{ clientId: "clinic-b", reason: "busy since round 1" }]);
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
  });

  test("a repeated report wakes no run that has looked already", async () => {
    const { runId, contribute } = await allLate(3);
    await runIs(runId, "waiting", ({ waiting }) => waiting !== null);
    await contribute("clinic-a");
    const before = await runIs(runId, "looking again", ({ waiting }) => waiting?.count === 2);
    // Long ago, by the clocks of all instances.
    const invocation = await cloud.store.get(refs.invocation(runId, 1, "clinic-a"));
    const ref = refs.invocation(runId, 1, "clinic-a");
    if (invocation === null || invocation.reportedAt === null) throw new Error("not reported");
    await cloud.store.setAll("mark-settled", [
      { ref, value: { ...invocation, reportedAt: invocation.reportedAt - 60_000 } },
    ]);
    const again = await report(cloud, { runId, round: 1, clientId: "clinic-a" }, 1, { failure: "again" });
    expect(again.body.status).toBe("ignored");
    const after = await cloud.store.get(refs.run(runId));
    expect(after?.openRequest).toEqual(before.openRequest);
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
  });
});

describe("the end of a run", () => {
  async function ended(act: (place: { runId: string; round: number; clientId: string }) => Promise<unknown>) {
    const created = await cloud.call("POST", "/v1/runs", {
      name: "End",
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 3 },
      stop: { rounds: 1 },
    });
    const { runId } = created.body;
    await runIs(runId, "being ready", ({ status }) => status === "ready");
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    await runIs(runId, "having a round", ({ openRound }) => openRound === 1);
    await Promise.all(CLIENTS.map((clientId) => act({ runId, round: 1, clientId })));
    return runIs(runId, "having ended", ({ endedAt }) => endedAt !== null);
  }

  test("comes once its last version is scored", async () => {
    const run = await ended((place) => contribute(cloud, place, { value: 1, samples: 10 }));
    expect(run).toMatchObject({ status: "completed", modelVersion: 1, evaluatedVersion: 1, waiting: null });
    expect(run.accuracy).not.toBeNull();
  });

  test("is a failure where every client has failed, with the reason", async () => {
    const run = await ended(async (place) => {
      await claim(cloud, place);
      await report(cloud, place, 1, { failure: "its data has no samples" });
    });
    expect(run).toMatchObject({ status: "failed", totals: { invoked: 3, failed: 3, missed: 0 } });
    expect(run.statusReason).toContain("3 of 3 for this reason: its data has no samples");
  });
});
