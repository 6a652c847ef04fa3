// What a dashboard reads of runs, over HTTP: what is sent, kept and refused. Which documents it costs is in
// test/contract/store.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ref, refs } from "../../shared/core/ports/store.ts";
import { buildInvocation, buildRound, buildRun } from "../support/builders.ts";
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
