// A document that people have damaged costs only itself, and the answer says which one it is and what to do.
import { Timestamp } from "@google-cloud/firestore";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refs } from "../../shared/core/ports/store.ts";
import { buildRun } from "../support/builders.ts";
import type { TestCloud } from "../support/cloud.ts";
import { startPlainCloud } from "../support/midwayFederation.ts";
import { withDatabase } from "../support/recording.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startPlainCloud();
  await registerClients(cloud, ["clinic-a", "clinic-b", "clinic-c"]);
});
afterAll(() => cloud.stop());

const set = (path: string, fields: object) =>
  withDatabase(cloud, (db) => db.doc(path).set(fields, { merge: true }));

async function newRun(more: object = {}): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", {
    name: "damaged",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 5 },
    stop: { rounds: 5 },
    ...more,
  });
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  return runId;
}

const roundOf = async (runId: string, round: number) =>
  eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));

const followedUp = (runId: string, round: number) =>
  eventually(`the end of round ${round}`, async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.followedUp === true ? found : null;
  });

async function playRound(runId: string, round: number) {
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  const opened = await roundOf(runId, round);
  await Promise.all(
    opened.cohort.map((clientId) => contribute(cloud, { runId, round, clientId }, { value: 1, samples: 10 })),
  );
  return followedUp(runId, round);
}

describe("a client's document", () => {
  test("costs that client its places, and is reported in the listing, by its name and in the round", async () => {
    const runId = await newRun();
    const damage = { url: 5, retired: false, updatedAt: Timestamp.now() };
    await set("clients/clinic-x", damage);
    await set("clients/Made by hand", damage);

    const listed = await cloud.call("GET", "/v1/clients");
    expect(listed.body.items).toHaveLength(3);
    expect(listed.body.unreadable.map(({ document }: { document: string }) => document)).toEqual([
      "clients/Made by hand",
      "clients/clinic-x",
    ]);
    expect(listed.body.unreadable[1].reason).toMatch(/url: .*register the client again/);
    const one = await cloud.call("GET", "/v1/clients/clinic-x");
    expect([one.status, one.body.error.code]).toEqual([500, "data-loss"]);
    expect(one.body.error.message).toContain("repair these fields in the Firestore console");

    const first = await playRound(runId, 1);
    expect(first.cohort).toEqual(["clinic-a", "clinic-b", "clinic-c"]);
    expect(first.notChosen).toEqual([
      {
        clientId: "clinic-x",
        reason: expect.stringContaining("Document clients/clinic-x is not as expected"),
      },
    ]);
    expect(cloud.logs).toContainEqual(
      expect.objectContaining({
        severity: "error",
        fields: expect.objectContaining({ document: "clients/clinic-x" }),
      }),
    );

    // One that the run knows already: it is damaged between two rounds.
    const before = await cloud.store.get(refs.client("clinic-b"));
    await set("clients/clinic-b", { serviceAccount: 7 });
    const second = await playRound(runId, 2);
    expect(second.cohort).toEqual(["clinic-a", "clinic-c"]);
    expect(second.notChosen.map(({ clientId }) => clientId).toSorted()).toEqual(["clinic-b", "clinic-x"]);

    // Repaired as a console repairs it: nothing says that the document has changed.
    await set("clients/clinic-b", { serviceAccount: before?.serviceAccount });
    const whole = {
      ...before,
      clientId: "clinic-x",
      registeredAt: Timestamp.now(),
      updatedAt: damage.updatedAt,
    };
    await set("clients/clinic-x", { ...whole, serviceAccount: "clinic-x@silo.iam.gserviceaccount.com" });
    const third = await playRound(runId, 3);
    expect(third.cohort).toEqual(["clinic-a", "clinic-b", "clinic-c", "clinic-x"]);
    expect(third.notChosen).toEqual([]);
  }, 60_000);

  test("of every client leaves the run waiting for people, with what to do", async () => {
    const runId = await newRun({ round: { minUpdates: 5 } });
    await set("clients/clinic-a", { serviceAccount: 7 });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    const run = await eventually("the reason", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.statusReason === null ? null : found;
    });
    expect(run?.statusReason).toMatch(/3 of the 5 clients .*Document clients\/clinic-a is not as expected/s);
    await set("clients/clinic-a", { serviceAccount: "clinic-a@silo.iam.gserviceaccount.com" });
  });
});

describe("a run's document", () => {
  test("neither keeps the watchdog from other runs nor the listing from showing them", async () => {
    await set("runs/a-broken-run", { swept: false, createdAt: Timestamp.now() });
    const damagedRound = await newRun();
    await playRound(damagedRound, 1);
    await cloud.store.transact("control-run", async (transaction) => {
      const run = await transaction.get(refs.run(damagedRound));
      if (run !== null) transaction.set(refs.run(damagedRound), { ...run, status: "running" });
      // Its task was never queued, or is lost.
      transaction.set(
        refs.run("z-lost-run"),
        buildRun({ runId: "z-lost-run", status: "preparing", model: null, modelVersion: null }),
      );
    });
    await set(`runs/${damagedRound}/rounds/0001`, { status: "broken" });

    const answer = await cloud.callAs("task-invoker", cloud.urls.coordinator, "/watchdog", {});
    expect(answer.status).toBe(200);
    expect(answer.body.result).toBe("1 tasks were missing");
    await eventually("the lost run being ready", async () =>
      (await cloud.store.get(refs.run("z-lost-run")))?.status === "ready" ? true : null,
    );
    expect(cloud.logs).toContainEqual(
      expect.objectContaining({
        message: "run cannot be looked after",
        fields: expect.objectContaining({
          runId: damagedRound,
          error: expect.objectContaining({ message: expect.stringContaining("repair these fields") }),
        }),
      }),
    );
    expect((await cloud.call("GET", `/v1/runs/${damagedRound}`)).body.statusReason).toMatch(
      // By the watchdog, or by the round that it asked for meanwhile.
      /^(?:Needs a person: )?Document runs\/\S+\/rounds\/0001 is not as expected \(status: [^()]*\): repair these fields[^()]*$/,
    );
    const listed = await cloud.call("GET", "/v1/runs?limit=1000");
    expect(listed.body.unreadable).toEqual([
      { document: "runs/a-broken-run", reason: expect.stringContaining("the run is stalled until then") },
    ]);
    // Pages go on behind it.
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { body: { items: { runId: string }[]; nextCursor: string | null } } = await cloud.call(
        "GET",
        `/v1/runs?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.items.map(({ runId }) => runId));
      cursor = page.body.nextCursor;
    }
    expect(seen).toEqual(listed.body.items.map(({ runId }: { runId: string }) => runId));
  }, 60_000);
});

describe("a roster shard", () => {
  test("holds its run back with the reason, until it is repaired and the run resumed", async () => {
    const runId = await newRun();
    await playRound(runId, 1);
    await set(`runs/${runId}/roster/0000`, { foldedRound: "one" });
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    const held = await eventually("the pause", async () => {
      const run = await cloud.store.get(refs.run(runId));
      return run?.status === "paused" ? run : null;
    });
    expect(held.statusReason).toMatch(
      /roster\/0000 is not as expected \(foldedRound: .*Then resume the run\./,
    );
    await set(`runs/${runId}/roster/0000`, { foldedRound: 1 });
    expect((await cloud.call("POST", `/v1/runs/${runId}/resume`)).status).toBe(200);
    await roundOf(runId, 2);
  }, 60_000);

  test("is reported on the run by the aggregator, too, which goes on once it is repaired", async () => {
    const runId = await newRun();
    await playRound(runId, 1);
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    const { cohort } = await roundOf(runId, 2);
    await set(`runs/${runId}/roster/0000`, { foldedRound: "one" });
    for (const clientId of cohort)
      await contribute(cloud, { runId, round: 2, clientId }, { value: 1, samples: 10 });
    const reason = await eventually(
      "the reason",
      async () => (await cloud.store.get(refs.run(runId)))?.statusReason ?? null,
    );
    expect(reason).toMatch(
      /^Needs a person: Document runs\/.*\/roster\/0000 is not as expected \(foldedRound: /,
    );
    expect((await cloud.store.get(refs.round(runId, 2)))?.followedUp).toBe(false);
    await set(`runs/${runId}/roster/0000`, { foldedRound: 1 });
    // As the queue does after some minutes.
    const again = await cloud.callAs("task-invoker", cloud.urls.aggregator, "/aggregate", {
      runId,
      round: 2,
    });
    expect(again.status).toBe(200);
    expect(await followedUp(runId, 2)).toMatchObject({ newVersion: 2 });
    expect((await playRound(runId, 3)).newVersion).toBe(3);
    expect((await cloud.store.get(refs.run(runId)))?.statusReason).toBeNull();
  }, 60_000);
});

describe("a round's document", () => {
  test("is reported on the run by the aggregator, which folds it once it is repaired", async () => {
    const runId = await newRun();
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    const { cohort } = await roundOf(runId, 1);
    const [last = "", ...others] = cohort;
    for (const clientId of others)
      await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: 10 });
    await set(`runs/${runId}/rounds/0001`, { openedAt: "yesterday" });
    const answer = await cloud.callAs("task-invoker", cloud.urls.aggregator, "/aggregate", {
      runId,
      round: 1,
    });
    expect(answer.status).toBe(503);
    const run = await cloud.store.get(refs.run(runId));
    expect(run?.statusReason).toMatch(
      /^Needs a person: Document runs\/.*\/rounds\/0001 is not as expected \(openedAt: /,
    );
    await set(`runs/${runId}/rounds/0001`, { openedAt: Timestamp.now() });
    await contribute(cloud, { runId, round: 1, clientId: last }, { value: 1, samples: 10 });
    expect((await followedUp(runId, 1)).newVersion).toBe(1);
  }, 60_000);
});

describe("an invocation's document", () => {
  test("costs its round that update, and no more", async () => {
    const runId = await newRun({
      round: { quorum: 0.5, minUpdates: 1 },
      selection: { strategy: "random", cohortSize: 3 },
    });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    const { cohort } = await roundOf(runId, 1);
    const [broken = "", ...others] = cohort;
    await set(`runs/${runId}/rounds/0001/invocations/${broken}`, { baseVersion: "zero" });
    for (const clientId of others) {
      await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: 10 });
    }
    const round = await followedUp(runId, 1);
    expect(round.consumed.map(({ clientId }) => clientId)).toEqual(others);
    const listed = await cloud.call("GET", `/v1/runs/${runId}/rounds/1/invocations`);
    expect(listed.body.items).toHaveLength(2);
    expect(listed.body.unreadable).toEqual([
      {
        document: `runs/${runId}/rounds/0001/invocations/${broken}`,
        reason: expect.stringContaining("its round goes on without it"),
      },
    ]);
    // The next round works although the roster was folded without it.
    expect((await playRound(runId, 2)).consumed).toHaveLength(3);
  }, 60_000);
});
