// The local cloud as the benches use it: real function processes, the deterministic trainer, one run at a
// time.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { encodeSafetensors, floatTensor } from "../../../shared/core/updates/safetensors.ts";
import { type Box, type BoxOptions, dataObjects, startBox } from "../../box/box.ts";
import { keptBundles } from "../../bundle/keptBundles.ts";
import { type ApiClient, apiClient } from "../../cli/apiClient.ts";

export interface LocalCloud {
  readonly box: Box;
  readonly api: ApiClient;
  /** An identity token of the operator, kept for the life of the cloud. */
  token(audience: string): Promise<string>;
  /** Triggers a round of a run that is ready; the epoch ms at which it was asked for. */
  trigger(runId: string): Promise<number>;
  /**
   * Asks until there is a value; quickly, for everything here takes milliseconds. Throws `unavailable` after
   * the patience.
   */
  until<T>(what: string, probe: () => Promise<T | null>, patienceMs?: number, everyMs?: number): Promise<T>;
}

type Options = Pick<
  BoxOptions,
  "clientFunctions" | "functionEnv" | "functionExecArgv" | "onLog" | "onEvent" | "trainer"
>;

const POLL_MS = 20;
/**
 * While a round is measured: asking takes of the time that is measured, and its documents say themselves when
 * what happened.
 */
const ROUND_POLL_MS = 500;
const PATIENCE_MS = 120_000;

/**
 * Starts a cloud for the time of some work; the embedded Firestore, so that figures of two machines compare.
 */
export async function withLocalCloud<T>(
  options: Options,
  signal: AbortSignal,
  work: (cloud: LocalCloud) => Promise<T>,
): Promise<T> {
  const box = await startBox({
    trainer: "test",
    ...options,
    firestore: "embedded",
    bundles: await keptBundles(),
    cacheDir: join(fileURLToPath(new URL("../../../", import.meta.url)), ".cache"),
  });
  try {
    return await work(connect(box, signal));
  } finally {
    await box.stop();
  }
}

function connect(box: Box, signal: AbortSignal): LocalCloud {
  const tokens = new Map<string, Promise<string>>();
  const token = (audience: string) => {
    const known = tokens.get(audience) ?? box.operatorToken(audience);
    tokens.set(audience, known);
    return known;
  };
  return {
    box,
    api: apiClient(box.apiUrl, token),
    token,
    async trigger(runId) {
      const askedAt = Date.now();
      const answer = await fetch(`${box.apiUrl}/v1/runs/${runId}/rounds`, {
        method: "POST",
        headers: { authorization: `Bearer ${await token(box.apiUrl)}` },
      });
      if (!answer.ok)
        throw new FlError("failed-precondition", `The round was not triggered: ${await answer.text()}`);
      return askedAt;
    },
    async until(what, probe, patienceMs = PATIENCE_MS, everyMs = POLL_MS) {
      const endMs = performance.now() + patienceMs;
      while (performance.now() < endMs) {
        signal.throwIfAborted();
        const value = await probe();
        if (value !== null) return value;
        await sleep(everyMs);
      }
      throw new FlError("unavailable", `${what} did not happen within ${patienceMs / 1000} s.`);
    },
  };
}

/** Creates a run and waits until its model is there. */
export async function readyRun({ api, until }: LocalCloud, spec: z.input<typeof RunSpec>): Promise<Run> {
  const { runId } = await api.createRun(spec);
  return until("The run being ready", async () => {
    const run = await api.run(runId);
    if (run.status === "failed") throw new FlError("failed-precondition", `${run.statusReason}`);
    return run.status === "ready" ? run : null;
  });
}

/** The round once it is closed and its version scored, so that nothing of it runs beside the next. */
export async function settledRound(
  { box, token, until }: LocalCloud,
  runId: string,
  number: number,
  patienceMs = PATIENCE_MS,
): Promise<Round> {
  const probe = async () => {
    const answer = await fetch(`${box.apiUrl}/v1/runs/${runId}/rounds/${number}`, {
      headers: { authorization: `Bearer ${await token(box.apiUrl)}` },
    });
    const text = await answer.text();
    if (answer.status === 404) return null; // It is not open yet.
    if (!answer.ok) throw new FlError("failed-precondition", `The round could not be read: ${text}`);
    const round = Round.parse(JSON.parse(text));
    const scored = round.loss !== null || round.newVersion === null;
    return round.closedAt !== null && round.followedUp && scored ? round : null;
  };
  return until(`Round ${number} being closed`, probe, patienceMs, ROUND_POLL_MS);
}

/**
 * Data sets of so many samples for clients `c000`, `c001`, …, all trained by the one client function, and one
 * to score on.
 *
 * @param from the number of the first client
 */
export async function registerClients(
  { box, api }: LocalCloud,
  clientFunction: { readonly url: string; readonly serviceAccount: string },
  count: number,
  sampleShape: readonly number[],
  samples = 10,
  from = 0,
): Promise<void> {
  const size = sampleShape.reduce((product, dimension) => product * dimension, samples);
  const data = encodeSafetensors([
    floatTensor("x", [samples, ...sampleShape], new Float32Array(size).fill(0.5)),
    floatTensor("y", [samples], new Float32Array(samples)),
  ]);
  await box.putData(dataObjects.evaluation, data);
  for (let index = from; index < from + count; index++) {
    const clientId = `c${String(index).padStart(3, "0")}`;
    await box.putData(dataObjects.client(clientId), data);
    await api.register({ clientId, ...clientFunction });
  }
}
