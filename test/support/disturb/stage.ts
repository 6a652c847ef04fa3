// Where the scenarios play: a local cloud of real processes with a few clients, and the tests' own view of
// it.
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { type BoxOptions, dataObjects, startBox } from "../../../infra/box/box.ts";
import { buckets } from "../../../infra/box/deployment.ts";
import { bundleFunctions } from "../../../infra/bundle/bundleFunctions.ts";
import type { OwnPaths } from "../../../infra/bundle/ownCode.ts";
import { connectObjects } from "../../../shared/cloud/objects/connectObjects.ts";
import { encodeSafetensors, floatTensor } from "../../../shared/core/updates/safetensors.ts";
import { connectListener } from "./listener.ts";
import { CLIENTS, DEAD, register, type Stage } from "./scenarios.ts";

export interface OpenStage {
  readonly stage: Stage;
  close(): Promise<void>;
}

/**
 * Starts the cloud and registers the clients and one that is gone; until it is closed, this process has the
 * coordinator's rights.
 */
export async function openStage(
  {
    clients = CLIENTS,
    ...options
  }: Pick<BoxOptions, "functionEnv" | "functionExecArgv" | "removesSignatures" | "onLog"> & {
    /** Those that a function answers for. */
    readonly clients?: readonly string[];
  } = {},
  own: OwnPaths = {},
): Promise<OpenStage> {
  const box = await startBox({
    ...options,
    firestore: "embedded",
    bundles: await bundleFunctions({ own }),
    clientFunctions: clients.map((clientId) => ({ name: clientId, clientId })),
    cacheDir: tmpdir(),
    trainer: "test",
    queueSettings: { minBackoffMs: 50, maxBackoffMs: 500 },
    // Runs play beside each other: three processes killed in a row may be all three tries of another run's
    // client.
    clientQueueSettings: { maxAttempts: 20 },
    transactionIdleMs: 1_000,
  });
  const nowhere = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(nowhere, "listening");
  const before = { ...process.env };
  Object.assign(process.env, box.env, box.envAs("coordinator"));
  const store = connectListener(box.projectId);
  const objects = connectObjects({
    bucket: buckets.models,
    projectId: box.projectId,
    apiEndpoint: box.env["STORAGE_API_ENDPOINT"] ?? "",
  });
  const { port } = nowhere.address() as AddressInfo;
  const stage: Stage = { box, store, objects, nowhere: `http://127.0.0.1:${port}` };
  const samples = encodeSafetensors([
    floatTensor(
      "x",
      [4, 4],
      new Float32Array(16).map((_, i) => i),
    ),
    floatTensor("y", [4], new Float32Array(4)),
  ]);
  await box.putData(dataObjects.evaluation, samples);
  for (const clientId of clients) await box.putData(dataObjects.client(clientId), samples);
  for (const clientId of [...clients, DEAD]) await register(stage, clientId);
  return {
    stage,
    close: async () => {
      await store.close();
      await box.stop();
      nowhere.close();
      for (const name of Object.keys(box.env)) delete process.env[name];
      Object.assign(process.env, before);
    },
  };
}
