// A run in the whole local cloud: the bundles in real processes with only the packages that they declare,
// real identities, faults by rule, no TensorFlow.
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Box, clientAccount, dataObjects, startBox } from "../../infra/box/box.ts";
import { bundleFunctions } from "../../infra/bundle/bundleFunctions.ts";
import { type ApiClient, apiClient } from "../../infra/cli/apiClient.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { linkPackages } from "../support/linkPackages.ts";
import { eventually } from "../support/scriptedClient.ts";

const CLIENTS = ["clinic-a", "clinic-b", "clinic-c"];
const FAILING = "clinic-c";

// Regions hand tokens on with their signatures or without.
describe.each([false, true])("signatures removed: %s", (removesSignatures) => {
  let box: Box;
  let api: ApiClient;
  let scratch: string;
  const lines: string[] = [];

  beforeAll(async () => {
    scratch = await realpath(await mkdtemp(join(tmpdir(), "run-")));
    const bundles = await bundleFunctions({ outDir: scratch });
    for (const bundle of Object.values(bundles)) await linkPackages(bundle);
    box = await startBox({
      firestore: "embedded",
      bundles,
      clientFunctions: CLIENTS.map((clientId) => ({ name: clientId, clientId })),
      cacheDir: tmpdir(),
      trainer: "test",
      removesSignatures,
      faults: [
        { kind: "crash-during", function: FAILING, probability: 1, afterMs: 0 },
        { kind: "lost-response", function: "coordinator", probability: 0.1 },
        { kind: "lost-response", function: "aggregator", probability: 0.3, times: 1 },
      ],
      taskFaults: [{ kind: "duplicate", probability: 0.3, afterMs: 30 }],
      seed: 3,
      onLog: ({ function: name, line }) => lines.push(`${name}: ${line}`),
    });
    api = apiClient(box.apiUrl, (audience) => box.operatorToken(audience));
  });

  afterAll(async () => {
    await box?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  test("a run completes in spite of a crashing client, lost answers and duplicate deliveries", async () => {
    await box.putData(dataObjects.evaluation, dataset(5));
    for (const [index, clientId] of CLIENTS.entries()) {
      await box.putData(dataObjects.client(clientId), dataset(10 * (index + 1)));
      await api.register({
        clientId,
        url: box.runtime.url(clientId),
        serviceAccount: clientAccount(clientId),
        capacity: { timeoutSeconds: 5 },
      });
    }
    const { runId } = await api.createRun({
      name: "box",
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 3 },
      round: { deadlineSeconds: 8, minUpdates: 1 },
      stop: { rounds: 3 },
      seed: 5,
    });
    await api.act(runId, "start");
    const run = await eventually(
      "the run being completed",
      async () => {
        const now = await api.run(runId);
        return now.status === "completed" && now.evaluatedVersion === 3 ? now : null;
      },
      120_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${lines.slice(-40).join("\n")}`);
    });

    expect(run).toMatchObject({ round: 3, modelVersion: 3, openRound: null });
    expect(run.accuracy).toBeGreaterThan(0.1);
    const rounds = await api.rounds(runId);
    expect(rounds.map(({ status }) => status)).toEqual(["closed", "closed", "closed"]);
    const [first] = rounds;
    expect(first?.counts).toMatchObject({ invoked: 3, inTime: 2, missed: 1, rejected: 0, coldStarts: 2 });
    expect(first?.closeReason).toBe("deadline");
    const invocations = await api.invocations(runId, 1);
    expect(invocations.map(({ clientId, status }) => `${clientId} ${status}`)).toEqual([
      "clinic-a consumed",
      "clinic-b consumed",
      "clinic-c missed",
    ]);
    const [consumed] = invocations;
    expect(consumed?.timings?.coldStartMs).toBeGreaterThan(0);
    expect(consumed?.peakRssMib).toBeGreaterThan(20);
    expect(consumed?.bytesUp).toBeGreaterThan(0);
    expect(consumed?.costUsd).toBeGreaterThan(0);
    const consumedIds = rounds.flatMap((round) =>
      round.consumed.map((update) => `${update.round}/${update.clientId}`),
    );
    expect(new Set(consumedIds).size, "an update counts once").toBe(consumedIds.length);
  });

  test("no one calls a client without the queue's identity", async () => {
    const url = box.runtime.url("clinic-a");
    const call = async (token: string | undefined) => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(url, { method: "POST", body: "{}", headers })).status;
    };
    expect(await call(undefined)).toBe(403);
    expect(await call(await box.operatorToken(url))).toBe(403);
    expect(await call((await box.queueToken(url)).replace(/[^.]*$/, "SIGNATURE_REMOVED_BY_GOOGLE"))).toBe(
      401,
    );
  });
});

function dataset(samples: number) {
  return encodeSafetensors([
    floatTensor("x", [samples, 4], new Float32Array(samples * 4).fill(0.5)),
    floatTensor("y", [samples], new Float32Array(samples)),
  ]);
}
