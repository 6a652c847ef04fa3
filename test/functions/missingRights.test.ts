// Each right of a deployment is taken away in turn: it is logged once in one way, the run shows it,
// nothing that cannot succeed is tried, and the run goes on when the right is back.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CallFaultInput } from "../../infra/box/callFaults.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { accountOf, eventually, registerClients } from "../support/scriptedClient.ts";

let cloud: TestCloud;

beforeAll(async () => {
  const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
  await registerClients(cloud, ["clinic-a"]);
}, 60_000);
afterAll(() => cloud.stop());

const SPEC = {
  name: "rights",
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 1 },
};
const create = async (): Promise<string> => (await cloud.call("POST", "/v1/runs", SPEC)).body.runId;
const loggedFor = (runId: string) =>
  cloud.logs.filter(({ message, fields }) => message === "needs a person" && fields["runId"] === runId);
const shown = (runId: string, words: RegExp) =>
  eventually("the run showing it", async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run?.statusReason?.match(words) ? run : null;
  });
const isReady = (runId: string) =>
  eventually("the run being ready", async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run?.status === "ready" ? run : null;
  });
const refuse = (fault: object) =>
  cloud.faults.inject({ applied: false, times: 1_000, ...fault } as CallFaultInput);

test.each([
  [401, /^Needs a person: .*credentials/],
  [403, /^Needs a person: .*has no right to; check its roles on the bucket/],
])(
  "Cloud Storage answers %i",
  async (answer, words) => {
    const taken = refuse({ service: "storage", method: "POST", answer });
    const runId = await create();
    await shown(runId, words);
    await sleep(1_000); // The queue of the test comes back within a fifth of that.
    expect(loggedFor(runId)).toMatchObject([
      { severity: "error", fields: { path: "/prepare", code: "internal" } },
    ]);
    taken.remove();
    await cloud.callAs("task-invoker", cloud.urls.evaluator, "/prepare", { runId });
    expect(await isReady(runId)).toMatchObject({ statusReason: null });
  },
  60_000,
);

test("a write whose answer is lost is repeated, and what it meets is its own", async () => {
  const dense = { name: "only", units: 2, activation: "softmax", batch_input_shape: [null, 4] };
  const config = { name: "own", layers: [{ class_name: "Dense", config: dense }] };
  const model = { layers: { model_config: { class_name: "Sequential", config } } };
  const lost = refuse({ service: "storage", method: "POST", answer: "lost", applied: true, times: 1 });
  const created = await cloud.call("POST", "/v1/runs", { ...SPEC, model });
  expect(lost.struck).toBe(1);
  expect(created.status).toBe(201);
  const again = refuse({ service: "storage", method: "POST", answer: "lost", applied: true, times: 1 });
  await isReady(await create());
  expect(again.struck).toBe(1);
}, 60_000);

test.each([
  ["PERMISSION_DENIED", /roles\/cloudtasks.enqueuer/],
  ["NOT_FOUND", /there is no such queue/],
  ["UNAUTHENTICATED", /check its service account/],
])(
  "Cloud Tasks answers %s",
  async (answer, words) => {
    const runId = await create();
    await isReady(runId);
    const taken = refuse({ service: "tasks", method: "CreateTask", answer, target: "close" });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    await shown(runId, words);
    await sleep(1_000);
    expect(loggedFor(runId)).toMatchObject([{ severity: "error", fields: { path: "/open-round" } }]);
    taken.remove();
  },
  60_000,
);

test("the queue's calls may not be listed", async () => {
  const runId = await create();
  await isReady(runId);
  const taken = refuse({ service: "tasks", method: "ListTasks", answer: "PERMISSION_DENIED" });
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  await shown(runId, /roles\/cloudtasks.viewer/);
  expect(loggedFor(runId)).toMatchObject([{ severity: "error", fields: { path: "/open-round" } }]);
  taken.remove();
}, 60_000);

test("calls may not be removed: it is logged, and the round closes all the same", async () => {
  const silent = createServer((request) => request.resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  const client = { clientId: "silent", url, serviceAccount: accountOf("silent"), labels: { kind: "silent" } };
  expect((await cloud.call("POST", "/v1/clients", client)).status).toBe(201);
  const selection = { ...SPEC.selection, clients: { labels: { kind: "silent" } } };
  const round = { deadlineSeconds: 1, extend: false };
  const { runId } = (await cloud.call("POST", "/v1/runs", { ...SPEC, selection, round })).body;
  await isReady(runId);
  const taken = refuse({ service: "tasks", method: "DeleteTask", answer: "PERMISSION_DENIED" });
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  await shown(runId, /roles\/cloudtasks.taskDeleter/);
  expect(loggedFor(runId)).toMatchObject([{ severity: "error", fields: { path: "/close-round" } }]);
  await eventually("the round's end", async () =>
    (await cloud.store.get(refs.round(runId, 1)))?.status === "degraded" ? true : null,
  );
  taken.remove();
  silent.closeAllConnections();
  silent.close();
}, 60_000);

test.each([
  ["PERMISSION_DENIED", /roles\/datastore.user/],
  ["NOT_FOUND", /there is no such database/],
  ["UNAUTHENTICATED", /check its service account/],
])(
  "Firestore answers %s",
  async (answer, words) => {
    const runId = await create();
    await isReady(runId);
    const taken = ["BatchGetDocuments", "RunQuery", "BeginTransaction"].map((method) =>
      refuse({ service: "firestore", method, answer }),
    );
    const called = await cloud.callAs("task-invoker", cloud.urls.evaluator, "/prepare", { runId });
    expect(called.status).toBe(503);
    expect(called.headers.get("retry-after")).toBe("300");
    expect(JSON.stringify(called.body)).not.toMatch(words);
    // An operator learns what is missing, everybody else only that something is.
    const asked = await cloud.call("GET", `/v1/runs/${runId}`);
    expect(asked.status).toBe(500);
    expect(asked.body.error.message).toMatch(words);
    for (const fault of taken) fault.remove();
    const [line] = loggedFor(runId);
    expect(line?.fields["reason"]).toMatch(words);
  },
  60_000,
);
