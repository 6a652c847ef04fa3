// Clients that never answer, on the local cloud's servers: they hold a place each of their queue and no more,
// they are not called again once their round is over, and those who work are not kept from it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { accountOf, claim, contribute, eventually, type Place } from "../support/scriptedClient.ts";

/** How long the calls of those who answer in the end hang: beyond every deadline here. */
const HANGS_MS = 6_000;

/** Beside other tests, rounds of 1 s take longer. */
const TIMEOUT_MS = 120_000;

const HONEST = Array.from({ length: 6 }, (_, i) => `honest-${i}`);
const SILENT = ["silent-0", "silent-1"];
const FAILING = ["failing-0", "failing-1"];
const TARDY = "tardy";
/** These report, and hold their calls all the same. */
const HOLDING = ["holding-0", "holding-1"];

let cloud: TestCloud;
let clients: Server;
const calls: Place[] = [];
const troubles: unknown[] = [];
/** Lets the tardy client go on. */
let goOn: (() => void) | undefined;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => createTestTrainer(),
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  clients = createServer(async (request, response) => {
    const place = (await json(request)) as Place;
    calls.push(place);
    if (SILENT.includes(place.clientId)) return;
    try {
      if (FAILING.includes(place.clientId)) await new Promise((resolve) => setTimeout(resolve, HANGS_MS));
      else if (place.clientId === TARDY) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        const { status } = await claim(cloud, place);
        response.writeHead(status === 409 ? 200 : 500).end();
        return;
      } else await contribute(cloud, place, { value: 1, samples: 10 });
      if (HOLDING.includes(place.clientId)) return;
      response.writeHead(FAILING.includes(place.clientId) ? 503 : 200).end();
    } catch (error) {
      troubles.push(error);
      response.writeHead(500).end();
    }
  });
  await new Promise<void>((resolve) => clients.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  clients.closeAllConnections();
  clients.close();
  await cloud.stop();
});

async function register(clientIds: readonly string[], site: string): Promise<void> {
  const url = `http://127.0.0.1:${(clients.address() as AddressInfo).port}/`;
  for (const clientId of clientIds) {
    const client = { clientId, url, serviceAccount: accountOf(clientId), labels: { site } };
    const { status, body } = await cloud.call("POST", "/v1/clients", client);
    expect(status, JSON.stringify(body)).toBe(201);
  }
}

function runIs(runId: string, what: string, is: (run: Run) => boolean): Promise<Run> {
  return eventually(
    `run ${runId} ${what}`,
    async () => {
      const run = await cloud.store.get(refs.run(runId));
      return run !== null && is(run) ? run : null;
    },
    60_000,
  );
}

async function createRun(site: string, cohortSize: number, rounds: number): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", {
    name: site,
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize, clients: { labels: { site } } },
    round: { deadlineSeconds: 3, minUpdates: 1 },
    stop: { rounds },
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await runIs(runId, "being ready", ({ status }) => status === "ready");
  return runId;
}

test(
  "four clients that hang do not keep the other six from work, and are not called again",
  async () => {
    await register([...HONEST, ...SILENT, ...FAILING], "mixed");
    const runId = await createRun("mixed", 10, 5);
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    await runIs(runId, "having ended", ({ status }) => status === "completed");
    const first = await cloud.store.get(refs.round(runId, 1));
    expect(first?.cohort).toHaveLength(10);

    let [invited, inTime] = [0, 0];
    for (let round = 1; round <= 5; round++) {
      const closed = await cloud.store.get(refs.round(runId, round));
      const honest = closed?.outcomes.filter(({ clientId }) => HONEST.includes(clientId)) ?? [];
      invited += honest.length;
      inTime += honest.filter(({ result }) => result === "in-time").length;
    }
    expect(inTime / invited).toBeGreaterThanOrEqual(0.9);

    // Time enough for the failing ones to be called once more, were that still to happen.
    await new Promise((resolve) => setTimeout(resolve, HANGS_MS + 500));
    for (const clientId of [...SILENT, ...FAILING]) {
      const called = calls.filter((call) => call.runId === runId && call.clientId === clientId);
      expect(called, clientId).toHaveLength(1);
      const { round = 0 } = called[0] ?? {};
      const closed = await cloud.store.get(refs.round(runId, round));
      const invocation = await cloud.store.get(refs.invocation(runId, round, clientId));
      const untilAt = closed?.outcomes.find((outcome) => outcome.clientId === clientId)?.busyUntilAt;
      expect(untilAt, clientId).toBe(invocation?.callUntilAt);
      expect(untilAt).toBeGreaterThan((closed?.openedAt ?? 0) + 539_000);
    }
    expect(troubles).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "clients that report and hold their calls take two places each at the most",
  async () => {
    await register(["working", ...HOLDING], "holding");
    const runId = await createRun("holding", 3, 8);
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    const ended = await runIs(runId, "having ended", ({ status }) => status === "completed");
    expect(ended.totals.invoked - ended.totals.inTime, "no other client was kept from work").toBe(0);
    for (const clientId of HOLDING) {
      const called = calls.filter((call) => call.runId === runId && call.clientId === clientId);
      expect(called.length, clientId).toBeLessThanOrEqual(2);
    }
    expect(calls.filter((call) => call.runId === runId && call.clientId === "working")).toHaveLength(8);
  },
  TIMEOUT_MS,
);

test(
  "a client whose first claim comes when its round is over is free from then on",
  async () => {
    await register(["prompt", TARDY], "tardy");
    const runId = await createRun("tardy", 2, 9);
    const rounds = async (number: number) => {
      expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
      await runIs(
        runId,
        `having closed round ${number}`,
        (run) => run.round === number && run.openRound === null,
      );
      await eventually("the round being followed up", async () =>
        (await cloud.store.get(refs.round(runId, number)))?.followedUp ? true : null,
      );
      return (await cloud.store.get(refs.round(runId, number)))?.cohort;
    };
    expect(await rounds(1)).toEqual(["prompt", TARDY]);
    expect(await rounds(2), "its call is on its way yet").toEqual(["prompt"]);
    goOn?.();
    await eventually("its claim being refused", async () => {
      const invocation = await cloud.store.get(refs.invocation(runId, 1, TARDY));
      return invocation?.refusedAt ?? null;
    });
    expect(await rounds(3)).toEqual(["prompt", TARDY]);
    goOn?.();
  },
  TIMEOUT_MS,
);

test(
  "the calls of a run that is cancelled are called off",
  async () => {
    await register(["hung"], "cancelled");
    SILENT.push("hung");
    const runId = await createRun("cancelled", 1, 1);
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    const called = () => calls.filter((call) => call.runId === runId).length;
    await eventually("the call", async () => (called() === 1 ? true : null));
    await cloud.call("POST", `/v1/runs/${runId}/cancel`);
    await runIs(runId, "being swept", ({ swept }) => swept);
    clients.closeAllConnections(); // A call that fails comes again, unless it is called off.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(called()).toBe(1);
  },
  TIMEOUT_MS,
);
