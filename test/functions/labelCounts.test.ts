// Label counts through the real functions: a client tells them where the run asks and its owner allows it,
// and nothing of them leaves it otherwise.
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import { type ClientServer, type ClientTask, startClientServer } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually, registerClients } from "../support/scriptedClient.ts";

/** The owner of the second one has not allowed it. */
const [TELLS, SILENT] = ["north", "south"] as const;

let cloud: TestCloud;
let server: ClientServer;
let trainer: Trainer;

beforeAll(async () => {
  trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "There is no test set.")),
  });
  server = await startClientServer(cloud, depsOf);
  await registerClients(cloud, [TELLS, SILENT], server.url);
}, 60_000);

afterAll(async () => {
  await server.close();
  await cloud.stop();
});

/** Two samples of class 0, none of class 1, six of class 2. */
const data: Dataset = {
  x: { shape: [8, 4], values: new Float32Array(32) },
  y: { shape: [8], values: Float32Array.of(0, 2, 2, 0, 2, 2, 2, 2) },
};

const depsOf = ({ clientId }: ClientTask) => ({
  trainer: async () => trainer,
  readData: async () => data,
  bounds: clientId === TELLS ? { maxLabelCounts: 3 } : {},
});

async function played(aggregation: object) {
  const { body } = await cloud.call("POST", "/v1/runs", {
    name: "labels",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 2 },
    aggregation,
    stop: { rounds: 1 },
  });
  const { runId } = body;
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  const run = await eventually("the end of the run", async () => {
    const now = await cloud.store.get(refs.run(runId));
    return now?.modelVersion === 1 ? now : null;
  });
  const invocations = await Promise.all(
    [TELLS, SILENT].map((clientId) => cloud.store.get(refs.invocation(runId, 1, clientId))),
  );
  return { run, told: invocations.map((one) => one?.labelCounts) };
}

test("they are told where a run asks for them and the owner allows it, and summed on the run", async () => {
  const { run, told } = await played({ strategy: "adasgd", boost: "by-labels" });
  expect(told).toEqual([[2, 0, 6], undefined]);
  expect(run.labelCounts).toEqual([2, 0, 6]);
});

test("they are told to no other run", async () => {
  const { run, told } = await played({ strategy: "adasgd" });
  expect(told).toEqual([undefined, undefined]);
  expect(run.labelCounts).toBeUndefined();
});
