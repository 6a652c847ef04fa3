// A strategy that reads signals and keeps a state, through the real functions: from a client's training to
// the next round's cohort. The simulator makes the same of what was recorded.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { noLearner } from "../../infra/sim/engine/learner.ts";
import { simulateRun } from "../../infra/sim/engine/simulateRun.ts";
import { recordingOf } from "../../infra/sim/replay/readRecording.ts";
import { replayPopulation } from "../../infra/sim/replay/replayPopulation.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import { type ClientServer, startClientServer } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { accountOf, claim, eventually, registerClients } from "../support/scriptedClient.ts";
import { sameSamples } from "../support/steppingTrainer.ts";

vi.mock("../../shared/core/methods/registry/selection.ts", async () => ({
  selectionBehaviours: { random: (await import("../support/greedyStrategy.ts")).greedy },
}));

/** What each client's training reports; the higher the loss, the sooner it is chosen again. */
const LOSSES: Readonly<Record<string, number>> = { a: 1, b: 4, c: 2, d: 5, e: 3 };
const CLIENTS = Object.keys(LOSSES);
const ROUNDS = 4;

const plain = createTestTrainer();
/** As a training method that reports more than its losses would. */
const trainer: Trainer = {
  ...plain,
  train: async (task) => ({
    ...(await plain.train(task)),
    signals:
      task.clientId === "broken"
        ? { "loss-after": Number.NaN }
        : { "loss-after": LOSSES[task.clientId] ?? 0, unread: 7 },
  }),
};

let cloud: TestCloud;
let server: ClientServer;

beforeAll(async () => {
  cloud = await startTestCloud({ trainer: async () => trainer, evaluationData: async () => sameSamples() });
  server = await startClientServer(cloud, () => ({ trainer: async () => trainer }));
  await registerClients(cloud, CLIENTS, server.url);
});

afterAll(async () => {
  await server.close();
  await cloud.stop();
});

async function readyRun(name: string, more: object = {}): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", {
    name,
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 2, ...more },
    round: { deadlineSeconds: 60 },
    stop: { rounds: ROUNDS },
    seed: 5,
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  return runId;
}

const roundsOf = async (runId: string): Promise<readonly Round[]> =>
  (await cloud.store.listRounds(runId, { limit: 100 })).items;
const followedUp = (runId: string, round: number) =>
  eventually(
    `the end of round ${round}`,
    async () => {
      const found = await cloud.store.get(refs.round(runId, round));
      return found?.followedUp === true ? found : null;
    },
    100_000,
  );

function essence({ round, cohort, groups, selectionState, signals, outcomes }: Round) {
  const signalled = outcomes.map((outcome) => [outcome.clientId, outcome.result, outcome.signals]);
  return { round, cohort, groups, selectionState, signals, outcomes: signalled };
}

test("signals reach the strategy, and its state the next round, here and in the simulator", async () => {
  const runId = await readyRun("greedy");
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  await followedUp(runId, ROUNDS);
  const rounds = await roundsOf(runId);
  for (const { round, cohort, selectionState, signals, outcomes } of rounds) {
    expect(signals).toEqual(["loss-after"]);
    expect(JSON.parse(selectionState ?? "")).toEqual({ last: cohort, round });
    expect(outcomes.map((outcome) => [outcome.clientId, outcome.signals])).toEqual(
      cohort.map((clientId) => [clientId, { "loss-after": LOSSES[clientId] }]),
    );
    const before = rounds.find((one) => one.round === round - 1)?.cohort ?? [];
    expect(cohort.filter((clientId) => before.includes(clientId))).toEqual([]);
  }
  // Those who are not known come first; once all are, the highest losses that the last cohort leaves over.
  const seen = new Set(rounds.slice(0, 3).flatMap(({ cohort }) => cohort));
  expect([...seen].sort()).toEqual(CLIENTS);
  const fourth = CLIENTS.filter((clientId) => !rounds[2]?.cohort.includes(clientId))
    .sort((x, y) => Number(LOSSES[y]) - Number(LOSSES[x]))
    .slice(0, 2);
  expect(rounds[3]?.cohort).toEqual(fourth.sort());

  const [first = ""] = rounds[0]?.cohort ?? [];
  const answers = await cloud.call("GET", `/v1/runs/${runId}/rounds/1/invocations`);
  expect(answers.body.items[0]).toMatchObject({
    clientId: first,
    signals: { "loss-after": LOSSES[first], unread: 7 },
  });
  const documents = [
    (await cloud.call("GET", `/v1/runs/${runId}`)).body,
    (await cloud.call("GET", `/v1/runs/${runId}/rounds?limit=100`)).body,
    ...(await Promise.all(
      rounds.map(
        async ({ round }) => (await cloud.call("GET", `/v1/runs/${runId}/rounds/${round}/invocations`)).body,
      ),
    )),
  ];
  const recording = recordingOf("run.json", documents);
  const population = replayPopulation(recording, 1);
  const simulated: Round[] = [];
  await simulateRun({
    spec: recording.run.spec,
    population: { ...population, clientIds: CLIENTS },
    learner: noLearner(population.samples),
    prices: priceTables["cloud-run-2026"],
    workFactor: 1,
    ignoresBusy: false,
    onRound: ({ round }) => simulated.push(round),
  });
  expect(simulated.map(essence)).toEqual(rounds.map(essence));
}, 120_000);

test("a repeated opening makes the same round; a state that cannot be read counts as absent, and the log says so", async () => {
  const runId = await readyRun("repeated");
  const trigger = () => cloud.call("POST", `/v1/runs/${runId}/rounds`);
  expect((await trigger()).status).toBe(202);
  const first = await followedUp(runId, 1);
  await cloud.store.setAll("mark-settled", [
    { ref: refs.round(runId, 1), value: { ...first, selectionState: '{"last":"everybody"}' } },
  ]);
  expect((await trigger()).status).toBe(202);
  const request = (await cloud.store.get(refs.run(runId)))?.openRequest.number;
  const open = () => cloud.callAs("task-invoker", cloud.urls.coordinator, "/open-round", { runId, request });
  await Promise.all([open(), open()]);
  const second = await followedUp(runId, 2);
  await open();
  const { cohort, selectionState } = second;
  expect(JSON.parse(selectionState ?? "")).toEqual({ last: cohort, round: 2 });
  expect(await roundsOf(runId)).toHaveLength(2);
  expect((await cloud.store.get(refs.round(runId, 2)))?.selectionState).toBe(selectionState);
  const warning = cloud.logs.find(({ message }) => message === "selection begins without its state");
  expect(warning).toMatchObject({ severity: "warn", fields: { runId, round: 2 } });
  expect(JSON.stringify(warning)).toContain("last: Invalid input");
}, 120_000);

test("signals beyond their bounds cost only their own client", async () => {
  await registerClients(cloud, ["broken"], server.url);
  await registerClients(cloud, ["hostile"]);
  const runId = await readyRun("hostile", { cohortSize: 7 });
  expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
  const at = { runId, round: 1, clientId: "hostile" };
  const { body: grant } = await eventually("the claim", async () => {
    const answer = await claim(cloud, at);
    return answer.status === 200 ? answer : null;
  });
  const report = {
    ...at,
    attempt: grant.attempt,
    sentAt: new Date().toISOString(),
    coldStart: true,
    timings: {
      ...{ queueWaitMs: 0, coldStartMs: 0, claimMs: 0, downloadMs: 0, dataMs: 0, trainMs: 1, uploadMs: 0 },
    },
    ...{ bytesDown: 0, bytesUp: 0, peakRssMib: 0 },
    result: { kind: "failure", failure: { code: "internal", message: "x" } },
  };
  const reportWith = (signals: unknown) =>
    cloud.callAs(accountOf("hostile"), cloud.urls.coordinator, "/report", { ...report, signals });
  for (const signals of [
    Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`s${i}`, i])),
    { loss: 1e31 },
    { "a b": 1 },
    { loss: "high" },
  ]) {
    const answer = await reportWith(signals);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining("signals")]);
  }
  expect((await reportWith({ loss: 1 })).body).toMatchObject({ status: "failed" });
  const { outcomes } = await followedUp(runId, 1);
  const results = Object.fromEntries(outcomes.map(({ clientId, result }) => [clientId, result]));
  expect(results).toEqual({
    ...Object.fromEntries(CLIENTS.map((clientId) => [clientId, "in-time"])),
    broken: "failed",
    hostile: "failed",
  });
  const broken = await cloud.store.get(refs.invocation(runId, 1, "broken"));
  // What the method has made of the data stays in the owner's log.
  expect(broken?.failure).toMatchObject({
    code: "invalid-argument",
    reason: "training-failed",
    message: "The training method's signals cannot be reported.",
  });
}, 120_000);
