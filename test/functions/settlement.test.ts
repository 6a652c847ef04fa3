// What calls cost that hang after their claim: charged while the run goes on, once, and seen by its budget
// before that.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { unansweredCost } from "../../shared/core/cost/clientCall.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { claim, contribute, eventually, registerClients } from "../support/scriptedClient.ts";

const DEADLINE_SECONDS = 10;

let cloud: TestCloud;
let hanging: Server;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => createTestTrainer(),
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  // Its calls are never answered, so that the queue does not give them up.
  hanging = createServer((request) => request.resume());
  await new Promise<void>((resolve) => hanging.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`;
  await registerClients(cloud, ["prompt", "stuck"], url);
});

afterAll(async () => {
  hanging.closeAllConnections();
  hanging.close();
  await cloud.stop();
});

function runIs(runId: string, what: string, is: (run: Run) => boolean): Promise<Run> {
  return eventually(
    `run ${runId} ${what}`,
    async () => {
      const run = await cloud.store.get(refs.run(runId));
      return run !== null && is(run) ? run : null;
    },
    30_000,
  );
}

async function createRun(
  stop: object,
  selection: object = { strategy: "random", cohortSize: 2 },
): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", {
    name: "settled",
    model: { builtin: "tiny-mlp" },
    selection,
    round: { deadlineSeconds: DEADLINE_SECONDS, minUpdates: 1 },
    stop,
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  await runIs(created.body.runId, "being ready", ({ status }) => status === "ready");
  return created.body.runId;
}

/** One client reports, the other claims and is not heard of again; then its deadline has passed. */
async function firstRound(runId: string): Promise<void> {
  await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  expect((await claim(cloud, { runId, round: 1, clientId: "stuck" })).status).toBe(200);
  await contribute(cloud, { runId, round: 1, clientId: "prompt" }, { value: 1, samples: 10 });
  cloud.advance(DEADLINE_SECONDS * 1_000);
}

/** Nothing is at work on it any more: a clock that is put forward meanwhile would be charged as work. */
const followedUp = (runId: string, round: number) =>
  eventually(
    `round ${round} being followed up and scored`,
    async () => {
      const read = await cloud.store.get(refs.round(runId, round));
      const run = await cloud.store.get(refs.run(runId));
      return read?.followedUp && run?.evaluatedVersion === read.newVersion ? true : null;
    },
    30_000,
  );

test("a call that hung is charged for all of its time-out at the next opening, once", async () => {
  const runId = await createRun({ rounds: 9 });
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  await firstRound(runId);
  await followedUp(runId, 1);
  const before = await cloud.store.get(refs.invocation(runId, 1, "stuck"));
  expect(before).toMatchObject({ status: "missed", costEstimated: true });

  for (const round of [2, 3]) {
    cloud.advance(600_000); // Its calls before hold no place any more.
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));
    for (const clientId of ["prompt", "stuck"]) {
      await contribute(cloud, { runId, round, clientId }, { value: 1, samples: 10 });
    }
    await followedUp(runId, round);
    const after = await cloud.store.get(refs.invocation(runId, 1, "stuck"));
    if (before === null || after === null) throw new Error("the invocation is gone");
    const whole = unansweredCost(before, Number.MAX_SAFE_INTEGER, priceTables["cloud-run-2026"]);
    expect(after.chargedUsd).toBeCloseTo(whole, 9);
    expect(after.chargedUsd).toBeGreaterThan(10 * before.chargedUsd);
    const first = await cloud.store.get(refs.round(runId, 1));
    expect(first?.costs.afterwardsUsd).toBeCloseTo(whole - before.chargedUsd, 9);
  }
  const { totals } = await runIs(runId, "being scored", ({ evaluatedVersion }) => evaluatedVersion === 3);
  let sumUsd = totals.preparationUsd;
  for (const round of [1, 2, 3]) sumUsd += (await cloud.store.get(refs.round(runId, round)))?.costUsd ?? 0;
  expect(totals.costUsd, "the run's total is that of its rounds").toBeCloseTo(sumUsd, 9);
}, 120_000);

test("a budget sees a call that goes on before it is charged", async () => {
  const runId = await createRun({ rounds: 9, budgetUsd: 0.004 });
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  await firstRound(runId);
  await followedUp(runId, 1);
  cloud.advance(300_000);
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const ended = await runIs(runId, "having ended", ({ status }) => status === "completed");
  expect(ended.round, "no further round was opened").toBe(1);
  expect(ended.statusReason).toMatch(/of it for calls that go on, reached the budget of 0.004 USD/);
  expect(ended.totals.costUsd).toBeLessThan(0.004);
}, 120_000);

test.each([
  {
    what: "of a client that was invited again meanwhile",
    selection: { strategy: "fedlesscan", paperFaithful: true },
    retires: false,
  },
  { what: "of a client that was retired meanwhile", selection: { strategy: "random" }, retires: true },
])(
  "a call that hung, $what, is charged at the latest when the run has ended",
  async ({ selection, retires }) => {
    const runId = await createRun({ rounds: 9 }, { ...selection, cohortSize: 2 });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await firstRound(runId);
    await followedUp(runId, 1);
    const before = await cloud.store.get(refs.invocation(runId, 1, "stuck"));
    if (retires) {
      expect((await cloud.call("DELETE", "/v1/clients/stuck")).status).toBe(200);
      await registerClients(cloud, ["other"], "http://127.0.0.1:1/");
    }
    for (const [round, laterMs] of [
      [2, 2_000],
      [3, 3_600_000],
      [4, 2_000],
    ] as const) {
      cloud.advance(laterMs);
      await cloud.call("POST", `/v1/runs/${runId}/rounds`);
      const { cohort } = await eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));
      if (!retires) expect(cohort).toContain("stuck");
      for (const clientId of cohort) {
        await contribute(cloud, { runId, round, clientId }, { value: 1, samples: 10 });
      }
      await followedUp(runId, round);
    }
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
    await runIs(runId, "being swept", ({ swept }) => swept);
    if (before === null) throw new Error("the invocation is gone");
    const whole = unansweredCost(before, Number.MAX_SAFE_INTEGER, priceTables["cloud-run-2026"]);
    const after = await cloud.store.get(refs.invocation(runId, 1, "stuck"));
    expect(after?.chargedUsd).toBeCloseTo(whole, 9);
    expect(after?.chargedUsd).toBeGreaterThan(10 * before.chargedUsd);
  },
  120_000,
);
