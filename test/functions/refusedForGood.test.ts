// What cannot be done, however often it is tried: the reason stands on the run, and the tasks end. Beside it,
// that the largest round there may be is no such thing.
import { afterAll, beforeAll, expect, test } from "vitest";
import { fromFirestore } from "../../shared/cloud/store/errors.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { MAX_FOLD_ATTEMPTS } from "../../shared/core/round/giveUp.ts";
import { MAX_COHORT } from "../../shared/core/schemas/spec.ts";
import type { Step } from "../../shared/core/steps.ts";
import { buildClient } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";
import { withTransact } from "../support/withTransact.ts";

let cloud: TestCloud;
/** Thrown in the place of a step's commit, as often as it is taken. */
const failing = new Map<Step, () => unknown>();
const taken: Step[] = [];

beforeAll(async () => {
  const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
    watched: (store) =>
      withTransact(store, async (step, body) => {
        taken.push(step);
        const failure = failing.get(step)?.();
        if (failure !== undefined) throw failure;
        return store.transact(step, body);
      }),
  });
}, 60_000);

afterAll(() => cloud.stop());

const tooBig = () =>
  fromFirestore(
    Object.assign(new Error("3 INVALID_ARGUMENT: Transaction too big. Decrease transaction size."), {
      code: 3,
    }),
    "transaction",
  );

async function readyRun(name: string, cohortSize: number): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", {
    name,
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize },
    round: { deadlineSeconds: 600 },
  });
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  return runId;
}

const held = (runId: string) =>
  eventually("the run being held", async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run !== null && run.statusReason !== null ? run : null;
  });

test("a round that the database refuses to open holds the run, once", async () => {
  await registerClients(cloud, ["clinic-a", "clinic-b"]);
  const runId = await readyRun("refused", 2);
  failing.set("open-round", tooBig);
  taken.length = 0;
  expect((await cloud.call("POST", `/v1/runs/${runId}/start`)).status).toBe(200);
  const run = await held(runId);
  expect(run).toMatchObject({ status: "paused", openRequest: { pending: false }, openRound: null, round: 0 });
  expect(run.statusReason).toContain("10 MiB of documents and index entries");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(taken.filter((step) => step === "open-round")).toHaveLength(1);
  failing.clear();
  // What was wrong is put right: it goes on.
  expect((await cloud.call("POST", `/v1/runs/${runId}/resume`)).status).toBe(200);
  await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  expect((await cloud.store.get(refs.run(runId)))?.statusReason).toBeNull();
  await cloud.call("POST", `/v1/runs/${runId}/cancel`);
});

test("a fold that ends its process each time is given up, and its updates join the next round", async () => {
  const runId = await readyRun("dying", 2);
  // What the queue sees of an aggregator that is out of memory: no answer of ours, and nothing written.
  let deaths = 0;
  const death = () => new RangeError("Array buffer allocation failed");
  failing.set("publish", () => (deaths++ < MAX_FOLD_ATTEMPTS ? death() : undefined));
  taken.length = 0;
  expect((await cloud.call("POST", `/v1/runs/${runId}/start`)).status).toBe(200);
  await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  for (const clientId of ["clinic-a", "clinic-b"])
    await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: 1 });
  const run = await held(runId);
  expect(run).toMatchObject({ status: "paused", openRound: null, modelVersion: 0 });
  expect(run.statusReason).toMatch(
    /Round 1 cannot be folded: the aggregator's process ended 5 times .* memory \(it has \d+ MiB\)/,
  );
  failing.clear();
  expect(await cloud.store.get(refs.round(runId, 1))).toMatchObject({
    status: "degraded",
    consumed: [],
    inputs: null,
  });

  expect((await cloud.call("POST", `/v1/runs/${runId}/resume`)).status).toBe(200);
  await eventually("the next round", () => cloud.store.get(refs.round(runId, 2)));
  for (const clientId of ["clinic-a", "clinic-b"])
    await contribute(cloud, { runId, round: 2, clientId }, { value: 1, samples: 1 });
  const second = await eventually("its end", async () => {
    const round = await cloud.store.get(refs.round(runId, 2));
    return round?.status === "closed" ? round : null;
  });
  expect(second.consumed.map(({ round, clientId }) => `${round}/${clientId}`)).toEqual([
    "1/clinic-a",
    "2/clinic-a",
    "1/clinic-b",
    "2/clinic-b",
  ]);
  await cloud.call("POST", `/v1/runs/${runId}/cancel`);
});

test("a fold whose result the database refuses for good is given up at once", async () => {
  const runId = await readyRun("unpublishable", 1);
  let refusals = 0;
  failing.set("publish", () => (refusals++ === 0 ? tooBig() : undefined));
  expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
  const round = await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  const [clientId = ""] = round.cohort;
  await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: 1 });
  const run = await held(runId);
  expect(run).toMatchObject({ status: "ready", openRound: null, modelVersion: 0 });
  expect(run.statusReason).toContain("Round 1 cannot be folded: The database refuses a transaction for good");
  failing.clear();
});

test("a run whose round can neither be folded nor ended has failed", async () => {
  const runId = await readyRun("unwritable", 1);
  let refusals = 0;
  failing.set("publish", () => (refusals++ < 2 ? tooBig() : undefined));
  expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
  const round = await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  const [clientId = ""] = round.cohort;
  await contribute(cloud, { runId, round: 1, clientId }, { value: 1, samples: 1 });
  expect(await held(runId)).toMatchObject({ status: "failed", swept: true });
  failing.clear();
});

test("a round of 1,000 clients with the longest names and addresses opens in one transaction", async () => {
  const long = "x".repeat(52);
  const clients = Array.from({ length: MAX_COHORT }, (_, i) => {
    const clientId = `c${String(i).padStart(4, "0")}-${long}-zzzz`.slice(0, 63);
    return buildClient({
      clientId,
      url: `http://127.0.0.1:9/${"z".repeat(2_000)}`.slice(0, 2_000),
      serviceAccount: `${"a".repeat(30)}@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.com`,
      updatedAt: Date.now(),
    });
  });
  await cloud.store.setAll(
    "register-client",
    clients.map((value) => ({ ref: refs.client(value.clientId), value })),
  );
  const runId = await readyRun(`${"largest ".repeat(5)}`, MAX_COHORT);
  expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
  const round = await eventually("the round", () => cloud.store.get(refs.round(runId, 1)), 60_000);
  expect(round.cohort).toHaveLength(MAX_COHORT);
  expect((await cloud.store.get(refs.run(runId)))?.statusReason).toBeNull();
}, 90_000);
