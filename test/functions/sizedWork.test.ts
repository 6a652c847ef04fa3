// Sized work through the real coordinator: what a client's report says decides what its next grant asks.
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { claim, contribute, eventually, registerClients } from "../support/scriptedClient.ts";

let cloud: TestCloud;

beforeAll(async () => {
  const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
}, 60_000);

afterAll(() => cloud.stop());

test("a client that is too slow for all epochs is granted fewer in its next round", async () => {
  await registerClients(cloud, ["clinic-a"]);
  const created = await cloud.call("POST", "/v1/runs", {
    name: "sized",
    model: { builtin: "tiny-mlp" },
    training: { localEpochs: 4, batchSize: 8 },
    selection: { strategy: "random", cohortSize: 1 },
    // Six microseconds: no client of this world manages an epoch in that.
    round: { deadlineSeconds: 60, sizing: { withinShare: 1e-7 } },
    stop: { rounds: 2 },
  });
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const grantOf = async (round: number) => {
    const place = { runId, round, clientId: "clinic-a" };
    const claimed = await eventually(`round ${round}`, async () => {
      if ((await cloud.store.get(refs.round(runId, round))) === null) return null;
      const answer = await claim(cloud, place);
      return answer.status === 200 ? answer : null;
    });
    expect(await contribute(cloud, place, { value: 1, samples: 8 })).toBe("reported");
    return Grant.parse(claimed.body).training;
  };
  expect(await grantOf(1)).toMatchObject({ localEpochs: 4, batchSize: 8 });
  expect(await grantOf(2)).toMatchObject({ localEpochs: 1, batchSize: 8 });
  const second = await cloud.store.get(refs.invocation(runId, 2, "clinic-a"));
  expect(second?.work).toEqual({ localEpochs: 1, batchSize: 8 });
  const outcomes = (await cloud.store.get(refs.round(runId, 1)))?.outcomes ?? [];
  // Three steps of eight samples each.
  expect(outcomes.map(({ epochs }) => epochs)).toEqual([3]);
});
