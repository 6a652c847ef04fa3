// A run is cancelled while its aggregator folds: nothing is published, and what was written for it is gone
// again.
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";
import { withTransact } from "../support/withTransact.ts";

let cloud: TestCloud;
let beforePublish: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
    watched: (store) =>
      withTransact(store, async (step, body) => {
        if (step === "publish") await beforePublish();
        return store.transact(step, body);
      }),
  });
}, 60_000);

afterAll(() => cloud.stop());

test("a model that will not be published is removed", async () => {
  await registerClients(cloud, ["clinic-a"]);
  const created = await cloud.call("POST", "/v1/runs", {
    name: "cancelled",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 1 },
  });
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  let written: unknown = null;
  beforePublish = async () => {
    written = await cloud.objects.stat(modelObject(runId, 1));
    expect((await cloud.call("POST", `/v1/runs/${runId}/cancel`)).status).toBe(200);
  };
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  await contribute(cloud, { runId, round: 1, clientId: "clinic-a" }, { value: 1, samples: 1 });
  const run = await eventually("the sweep", async () => {
    const now = await cloud.store.get(refs.run(runId));
    return now?.swept === true ? now : null;
  });
  expect(run).toMatchObject({ status: "cancelled", modelVersion: 0 });
  expect(written).not.toBeNull();
  await eventually("the removal", async () =>
    (await cloud.objects.stat(modelObject(runId, 1))) === null ? true : null,
  );
  expect(await cloud.objects.stat(modelObject(runId, 0))).not.toBeNull();
});
