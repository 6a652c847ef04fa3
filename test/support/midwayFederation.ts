// A federation in the midst of its work: a run between reports, a run whose aggregator died, a run that is
// done.
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import { startTestCloud, type TestCloud } from "./cloud.ts";
import {
  accountOf,
  claim,
  contribute,
  eventually,
  put,
  registerClients,
  report,
  updateFile,
} from "./scriptedClient.ts";
import { withTransact } from "./withTransact.ts";

export const CLIENTS = ["clinic-a", "clinic-b", "clinic-c", "clinic-d", "clinic-e"] as const;

/** How the ids of the runs begin. */
export const RUNS = { midway: "midway-", folding: "folding-", done: "done-" } as const;

/** A cloud whose evaluator has no data, so that nothing has to be scored. */
export async function startPlainCloud(isFailing: () => boolean = () => false): Promise<TestCloud> {
  const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  return startTestCloud({
    trainer: async () => trainer,
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
    watched: (store) =>
      withTransact(store, async (step, body) => {
        if (step === "publish" && isFailing()) throw new FlError("unavailable", "The aggregator died.");
        return store.transact(step, body);
      }),
  });
}

/** Brings a cloud to that point; it has to be stopped by the caller. */
export async function startMidwayFederation(): Promise<TestCloud> {
  let failing = false;
  const cloud = await startPlainCloud(() => failing);
  await registerClients(cloud, ["clinic-c", "clinic-d", "clinic-e", "clinic-z"]);
  const register = (clientId: string, more: object) =>
    cloud.call(
      "POST",
      "/v1/clients",
      { clientId, url: "http://127.0.0.1:9/", serviceAccount: accountOf(clientId), ...more },
      { "idempotency-key": clientId },
    );
  await register("clinic-a", { labels: { site: "north" }, capacity: { timeoutSeconds: 60 } });
  await register("clinic-b", { dataCard: { description: "scans", samples: 500, classes: 3 } });
  await cloud.call("DELETE", "/v1/clients/clinic-z");

  await doneRun(cloud);
  await midwayRun(cloud);
  const folding = await create(cloud, "folding", { round: { minUpdates: 2 } });
  failing = true;
  await start(cloud, folding);
  await Promise.all(
    CLIENTS.map((clientId) =>
      contribute(cloud, { runId: folding, round: 1, clientId }, { value: 1, samples: 5 }),
    ),
  );
  await eventually("inputs being fixed", async () =>
    (await cloud.store.get(refs.round(folding, 1)))?.inputs?.length === 5 ? true : null,
  );
  return cloud;
}

async function doneRun(cloud: TestCloud): Promise<void> {
  const runId = await create(cloud, "done", { stop: { rounds: 1, targetAccuracy: 0.9, budgetUsd: 5 } });
  await start(cloud, runId);
  await Promise.all(
    CLIENTS.map((clientId) => contribute(cloud, { runId, round: 1, clientId }, { value: 2, samples: 5 })),
  );
  await eventually("the end", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "completed" ? true : null,
  );
}

/**
 * One client was late, one failed, one is at work and has uploaded, one has reported, and one was never heard
 * of.
 */
async function midwayRun(cloud: TestCloud): Promise<void> {
  const runId = await create(cloud, "midway", {
    selection: { strategy: "fedlesscan", cohortSize: 5 },
    round: { quorum: 0.5, prewarm: {} },
    stop: { rounds: 3 },
  });
  await start(cloud, runId);
  const first = (clientId: string) => ({ runId, round: 1, clientId });
  const late = Grant.parse((await claim(cloud, first("clinic-c"))).body);
  const lateFile = updateFile(late, 4);
  await put(late, lateFile);
  const failed = Grant.parse((await claim(cloud, first("clinic-d"))).body);
  await report(cloud, first("clinic-d"), failed.attempt, { failure: "The data is not here." });
  await contribute(cloud, first("clinic-a"), { value: 1, samples: 10 });
  await contribute(cloud, first("clinic-b"), { value: 2, samples: 10 });
  await contribute(cloud, first("clinic-e"), { value: 3, samples: 10 });
  await eventually("round 2", () => cloud.store.get(refs.round(runId, 2)));
  await report(cloud, first("clinic-c"), late.attempt, { file: lateFile, samples: 10 });

  const second = (clientId: string) => ({ runId, round: 2, clientId });
  await contribute(cloud, second("clinic-a"), { value: 1, samples: 10 });
  const atWork = Grant.parse((await claim(cloud, second("clinic-b"))).body);
  await put(atWork, updateFile(atWork, 2));
}

async function create(cloud: TestCloud, name: string, more: object): Promise<string> {
  const created = await cloud.call(
    "POST",
    "/v1/runs",
    {
      name,
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 5 },
      stop: { rounds: 2 },
      ...more,
    },
    { "idempotency-key": name },
  );
  if (created.status !== 201) throw new Error(`not created: ${JSON.stringify(created.body)}`);
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  return runId;
}

async function start(cloud: TestCloud, runId: string): Promise<void> {
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  await eventually("round 1", () => cloud.store.get(refs.round(runId, 1)));
}
