// A run's series: made of its rounds while they may change, written once they stay, and the same bytes
// however often they are written.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CoordinatorDeps } from "../../functions/coordinator/deps.ts";
import { writeAllBlocks, writeFullBlock } from "../../functions/coordinator/writeSeries.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { seriesObject } from "../../shared/core/round/objects.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { buildOutcome, buildRound, buildRun, T0 } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { withDatabase } from "../support/recording.ts";
import { eventually, registerClients } from "../support/scriptedClient.ts";

let cloud: TestCloud;
let runs = 0;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => createTestTrainer(),
    evaluationData: () => Promise.reject(new Error("not here")),
  });
  await registerClients(cloud, ["client-a", "client-b", "client-c"]);
});

afterAll(() => cloud.stop());

/** A run that waits after so many rounds, all of them long over. */
async function longRun(rounds: number, more: Partial<Round> = {}): Promise<Run> {
  const run = buildRun({ runId: `long-${++runs}`, round: rounds, modelVersion: rounds });
  const documents = Array.from({ length: rounds }, (_, i) =>
    buildRound({
      runId: run.runId,
      round: i + 1,
      status: "closed",
      closeReason: "all-reported",
      newVersion: i + 1,
      accuracy: i / 1_000,
      loss: 1 / (i + 1),
      outcomes: [buildOutcome({ round: i + 1 }), buildOutcome({ round: i + 1, clientId: "client-b" })],
      followedUp: true,
      aggregatingAt: T0,
      closedAt: T0 + 60_000,
      ...more,
    }),
  );
  await cloud.store.setAll(
    "open-round",
    documents.map((value) => ({ ref: refs.round(run.runId, value.round), value })),
  );
  await cloud.store.setAll("open-round", [{ ref: refs.run(run.runId), value: run }]);
  return run;
}

const deps = () =>
  ({
    store: cloud.store,
    objects: cloud.objects,
    nowMs: cloud.nowMs,
    log: { warn: (message: string, fields: object) => warnings.push({ message, ...fields }) },
  }) as unknown as CoordinatorDeps;
const warnings: object[] = [];

const blockOf = (runId: string, block: number, query = "", headers = {}) =>
  cloud.call("GET", `/v1/runs/${runId}/series/${block}${query}`, undefined, headers);
const stored = async (runId: string, block: number, withOutcomes: boolean) => {
  const name = seriesObject(runId, block, withOutcomes);
  const isThere = (await cloud.objects.stat(name)) !== null;
  return isThere ? Buffer.from(await cloud.objects.read(name)).toString() : null;
};

test("the opening of a round writes the block before, which is then kept for good", async () => {
  const { runId } = await longRun(105);
  const before = await blockOf(runId, 0, "?with=outcomes");
  expect(before.body).toMatchObject({
    block: 0,
    final: false,
    outcomes: { clients: ["client-a", "client-b"] },
  });
  expect(before.body.rounds.round).toHaveLength(100);
  expect(before.headers.get("cache-control")).toBe("private, no-cache");
  expect((await blockOf(runId, 1)).body.rounds.round).toEqual([101, 102, 103, 104, 105]);

  expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
  await eventually("the block being written", () => stored(runId, 0, false));
  const after = await blockOf(runId, 0, "?with=outcomes");
  expect(after.body).toEqual({ ...before.body, final: true });
  expect(after.headers.get("cache-control")).toBe("private, max-age=31536000, immutable");
  const headers = { "if-none-match": `${after.headers.get("etag")}` };
  const again = await blockOf(runId, 0, "?with=outcomes", headers);
  expect([again.status, again.body]).toEqual([304, null]);
  const { outcomes: _outcomes, ...figures } = after.body;
  expect((await blockOf(runId, 0)).body).toEqual(figures);

  expect((await blockOf(runId, 1)).body).toMatchObject({
    final: false,
    rounds: { round: [101, 102, 103, 104, 105, 106] },
  });
  await cloud.call("POST", `/v1/runs/${runId}/cancel`);
  await eventually("the run being swept", async () =>
    (await cloud.store.get(refs.run(runId)))?.swept ? true : null,
  );
  const last = await blockOf(runId, 1);
  expect(last.body).toMatchObject({
    final: true,
    rounds: { round: [101, 102, 103, 104, 105, 106] },
  });
  expect(last.headers.get("cache-control")).toContain("immutable");
});

test("killed between its two objects, another call writes the same bytes", async () => {
  const run = await longRun(105);
  await writeFullBlock(run, deps());
  const first = [await stored(run.runId, 0, true), await stored(run.runId, 0, false)];
  expect(first[1]).toContain('"final":true');
  await cloud.objects.remove(seriesObject(run.runId, 0, false));
  await writeFullBlock(run, deps());
  expect([await stored(run.runId, 0, true), await stored(run.runId, 0, false)]).toEqual(first);
  for (const withOutcomes of [true, false]) {
    await cloud.objects.remove(seriesObject(run.runId, 0, withOutcomes));
  }
  await writeAllBlocks(run, deps());
  expect([await stored(run.runId, 0, true), await stored(run.runId, 0, false)]).toEqual(first);
  expect(await stored(run.runId, 1, false)).toContain('"round":[101,102,103,104,105]');
});

test.each<[string, Partial<Round>]>([
  ["wait for a score", { accuracy: null, loss: null }],
  ["are not followed up", { followedUp: false }],
  ["closed a moment ago", { aggregatingAt: Date.now(), closedAt: Date.now() }],
])("rounds that %s are not written", async (_name, more) => {
  const run = await longRun(105, more);
  await writeFullBlock(run, deps());
  expect(await stored(run.runId, 0, false)).toBeNull();
});

test("a block with a damaged round is not written, and the api has the others", async () => {
  const run = await longRun(105);
  await withDatabase(cloud, (db) => db.doc(refs.round(run.runId, 50).path).update({ status: "odd" }));
  warnings.length = 0;
  await writeFullBlock(run, deps());
  expect(warnings).toMatchObject([{ message: "series not written", rounds: 99, expected: 100 }]);
  expect(await stored(run.runId, 0, false)).toBeNull();
  const { body } = await blockOf(run.runId, 0);
  expect(body.final).toBe(false);
  expect(body.rounds.round).not.toContain(50);
  expect(body.rounds.round).toHaveLength(99);
});

test("a block that is not there, and what is no block", async () => {
  const { runId } = await longRun(1);
  const missing = await blockOf(runId, 1);
  expect([missing.status, missing.body.error.message]).toEqual([404, `The last block of run ${runId} is 0.`]);
  expect((await blockOf("nowhere", 0)).status).toBe(404);
  for (const block of ["-1", "100", "1.5", "x"]) {
    const refused = await cloud.call("GET", `/v1/runs/${runId}/series/${block}?with=all`);
    expect(refused.status, block).toBe(400);
  }
});

test("a run without a round has an empty block", async () => {
  const { runId } = await longRun(0);
  expect((await blockOf(runId, 0, "?with=outcomes")).body).toMatchObject({
    final: false,
    rounds: { round: [], metrics: {} },
    outcomes: { clients: [], client: [] },
  });
});
