// What a dashboard reads of runs, over HTTP: what is sent, kept and refused. Which documents it costs is in
// test/contract/store.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceAccount } from "../../infra/box/deployment.ts";
import { type Ref, refs } from "../../shared/core/ports/store.ts";
import {
  buildClient,
  buildInvocation,
  buildRecord,
  buildRound,
  buildRun,
  buildShard,
} from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { describer } from "../support/describer.ts";

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => describer,
    evaluationData: () => Promise.reject(new Error("not here")),
  });
});

afterAll(() => cloud.stop());

const put = <T>(ref: Ref<T>, value: T) => cloud.store.setAll("open-round", [{ ref, value }]);

/** A run whose first round is open, with invocations of these clients. */
async function openRun(runId: string, clientIds: readonly string[] = ["client-a"]): Promise<string> {
  await put(refs.run(runId), buildRun({ runId, status: "running", round: 1, openRound: 1 }));
  await put(refs.round(runId, 1), buildRound({ runId, cohort: [...clientIds] }));
  for (const clientId of clientIds)
    await put(refs.invocation(runId, 1, clientId), buildInvocation({ runId, clientId }));
  return `/v1/runs/${runId}`;
}

describe("following a run", () => {
  test("all at first, then what has changed, and nothing where nothing has", async () => {
    const path = await openRun("followed");
    const first = await cloud.call("GET", `${path}/live`);
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({
      run: { runId: "followed", status: "running" },
      rounds: [{ round: 1, status: "training" }],
      invocations: [{ round: 1, clientId: "client-a", status: "invoked" }],
    });

    const look = `${path}/live?since=${first.body.cursor}`;
    const idle = await cloud.call("GET", look);
    expect(idle.body).toEqual({ cursor: first.body.cursor, run: null, rounds: [], invocations: [] });
    const etag = `${idle.headers.get("etag")}`;
    const unchanged = await cloud.call("GET", look, undefined, { "if-none-match": etag });
    expect([unchanged.status, unchanged.body]).toEqual([304, null]);

    await put(refs.round("followed", 1), buildRound({ runId: "followed", extended: true }));
    const extended = await cloud.call("GET", look, undefined, { "if-none-match": etag });
    expect(extended.status).toBe(200);
    expect(extended.body).toMatchObject({ run: null, rounds: [{ extended: true }], invocations: [] });
  });

  test("a run that is not there, and a cursor that is none", async () => {
    expect((await cloud.call("GET", "/v1/runs/nowhere/live")).status).toBe(404);
    const path = await openRun("badly-followed");
    const refused = await cloud.call("GET", `${path}/live?since=nonsense&from=1`);
    expect(refused.status).toBe(400);
    expect(refused.body.error.problems.map(({ path }: { path: string }) => path)).toEqual(["query.from"]);
    const cursor = await cloud.call("GET", `${path}/live?since=nonsense`);
    expect(cursor.status).toBe(400);
    expect(cursor.body.error.message).toContain("use cursor of the look before");
  });

  test("a first look at 1,000 clients is sent in less than 64 kB", async () => {
    const clientIds = Array.from({ length: 1_000 }, (_, i) => `hospital-${String(i).padStart(4, "0")}`);
    const path = await openRun("crowded", clientIds);
    const response = await fetch(`${cloud.urls.api}${path}/live`, {
      headers: { authorization: `Bearer ${await cloud.token("operator", cloud.urls.api)}` },
    });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(Number(response.headers.get("content-length"))).toBeLessThan(64_000);
    expect(JSON.parse(await response.text()).invocations).toHaveLength(1_000);
  });
});

describe("how clients behave", () => {
  test("a roster in pages of a shard, by name", async () => {
    const path = await openRun("rostered");
    expect((await cloud.call("GET", `${path}/roster`)).body).toEqual({
      foldedRound: 0,
      items: [],
      nextCursor: null,
    });
    const shard = (number: number, clientIds: readonly string[]) =>
      put(
        refs.rosterShard("rostered", number),
        buildShard({
          runId: "rostered",
          shard: number,
          foldedRound: 3,
          clients: Object.fromEntries(
            clientIds.map((clientId) => [clientId, buildRecord({ invocations: 2 })]),
          ),
        }),
      );
    await shard(0, ["client-b", "client-a"]);
    await shard(1, ["client-c"]);
    const first = await cloud.call("GET", `${path}/roster`);
    expect(first.body).toMatchObject({
      foldedRound: 3,
      items: [{ clientId: "client-a", invocations: 2 }, { clientId: "client-b" }],
      nextCursor: "1",
    });
    const second = await cloud.call("GET", `${path}/roster?cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({ items: [{ clientId: "client-c" }], nextCursor: null });
    for (const cursor of ["-1", "x", "10000"]) {
      expect((await cloud.call("GET", `${path}/roster?cursor=${cursor}`)).status, cursor).toBe(400);
    }
  });

  test("invocations of a window of rounds, and what is none", async () => {
    const path = await openRun("window", ["client-a", "client-b"]);
    const found = await cloud.call("GET", `${path}/invocations?from=1&to=100&limit=1`);
    expect(found.body.items).toMatchObject([
      { round: 1, clientId: "client-a", invokedAt: expect.any(String) },
    ]);
    const next = await cloud.call("GET", `${path}/invocations?from=1&to=100&cursor=${found.body.nextCursor}`);
    expect(next.body).toMatchObject({ items: [{ clientId: "client-b" }], nextCursor: null });
    for (const query of [
      "from=1&to=101",
      "from=2&to=1",
      "from=0&to=1",
      "from=1",
      "from=1&to=1&limit=10001",
    ]) {
      expect((await cloud.call("GET", `${path}/invocations?${query}`)).status, query).toBe(400);
    }
  });

  test("a client's invocations in all runs, also of one that is retired", async () => {
    const client = buildClient({ clientId: "traveller", retired: true });
    await put(refs.client("traveller"), client);
    await openRun("trip-1", ["traveller"]);
    await openRun("trip-2", ["traveller"]);
    const { body } = await cloud.call("GET", "/v1/clients/traveller/invocations");
    expect(body.items.map(({ runId }: { runId: string }) => runId).toSorted()).toEqual(["trip-1", "trip-2"]);
    expect((await cloud.call("GET", "/v1/clients/nobody/invocations")).status).toBe(404);
  });
});

test("what the deployment is, and who calls", async () => {
  const { status, body } = await cloud.call("GET", "/v1/meta");
  expect(status).toBe(200);
  expect(body).toMatchObject({
    caller: serviceAccount("operator", cloud.projectId),
    prices: { name: "cloud-run-2026" },
    limits: { cohort: 1_000, rounds: 9_999, pageItems: 1_000, seriesRounds: 100 },
  });
  expect(Math.abs(Date.parse(body.now) - cloud.nowMs())).toBeLessThan(60_000);
});
