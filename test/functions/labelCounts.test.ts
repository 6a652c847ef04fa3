// Label counts through the real functions: a client tells them where the run asks and its owner allows it,
// and nothing of them leaves it otherwise.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectCoordinator } from "../../functions/client/coordinator.ts";
import { download, upload } from "../../functions/client/links.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import { TASKS } from "../../shared/core/protocol/tasks.ts";
import { answerAsClient } from "../support/answerAsClient.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { accountOf, eventually, registerClients } from "../support/scriptedClient.ts";
import { wholeReads } from "../support/wholeReads.ts";

/** The owner of the second one has not allowed it. */
const [TELLS, SILENT] = ["north", "south"] as const;

let cloud: TestCloud;
let server: Server;
let trainer: Trainer;
let url = "";

beforeAll(async () => {
  trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "There is no test set.")),
  });
  server = createServer((request, response) => {
    void serve(request).then((status) => response.writeHead(status).end());
  });
  url = `http://${await listen(server)}/`;
  await registerClients(cloud, [TELLS, SILENT], url);
}, 60_000);

afterAll(async () => {
  await close(server);
  await cloud.stop();
});

/** Two samples of class 0, none of class 1, six of class 2. */
const data: Dataset = {
  x: { shape: [8, 4], values: new Float32Array(32) },
  y: { shape: [8], values: Float32Array.of(0, 2, 2, 0, 2, 2, 2, 2) },
};

async function serve(request: IncomingMessage): Promise<number> {
  const body = await json(request);
  const { clientId } = TASKS.invoke.body.parse(body);
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
  const deps = {
    coordinator: connectCoordinator(cloud.urls.coordinator, {
      fetchIdToken: (audience: string) => cloud.token(accountOf(clientId), audience),
      accessToken: () => Promise.reject(new Error("not here")),
    }),
    ...{ download, downloadShared: wholeReads(download), upload, log },
    bounds: clientId === TELLS ? { maxLabelCounts: 3 } : {},
    nowMs: () => Date.now(),
    readData: async () => data,
    trainer: async () => trainer,
    peakRssMib: () => 100,
    takeColdStart: () => null,
  };
  return answerAsClient(cloud, request, body, deps, { url });
}

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
