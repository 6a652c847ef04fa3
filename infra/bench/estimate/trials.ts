// Estimates made before runs, and what the runs came to: from checks of the clients, and from the run before.
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { Check } from "../../../shared/core/schemas/check.ts";
import type { Estimate, EstimateRange } from "../../../shared/core/schemas/estimate.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { apiTransport } from "../../cli/apiTransport.ts";
import { followRun } from "../../cli/followRun.ts";
import { tokenCache } from "../../cli/operator.ts";
import { estimateSpec } from "../../fedstratus/estimate/estimateSpec.ts";
import { type Api, apiOf } from "../../fedstratus/frame/api.ts";
import type { Job, Staged } from "./jobs.ts";

/** One estimate beside what came. */
export interface Trial {
  readonly job: string;
  readonly seed: number;
  readonly basis: "checks" | "like";
  readonly wallSeconds: { readonly actual: number; readonly range: EstimateRange };
  readonly chargedUsd: { readonly actual: number; readonly range: EstimateRange };
}

/** Simulated runs of each estimate. */
const SIMULATED = 40;

/** One run for each seed, one after the other; the first has no run before it. */
export async function trialsOf(
  job: Job,
  seeds: readonly number[],
  signal: AbortSignal,
  show: (line: string) => void,
): Promise<readonly Trial[]> {
  const staged = await job.start(signal);
  const { box } = staged;
  try {
    const transport = apiTransport({ url: box.apiUrl, token: tokenCache(box) });
    const api = apiOf(transport, process.cwd());
    for (const client of staged.clients) await api.typed.register(client);
    const trials: Trial[] = [];
    let before: string | null = null;
    for (const seed of seeds) {
      signal.throwIfAborted();
      // Each run finds the deployment as it is after a pause, the first one too.
      await box.runtime.scaleDown();
      const spec = RunSpec.parse(await staged.specFor(seed));
      const { runId } = await api.typed.createRun(spec);
      await ready(api, runId);
      if (before === null) await checkAll(staged, runId, api);
      const checks = await estimated(spec, staged, null, api);
      const like = before === null ? null : await estimated(spec, staged, before, api);
      // No instance of a client is warm from its check.
      for (const name of staged.functions) await box.runtime.scaleDown(name);
      const followed = await followRun(runId, api.typed, { update: () => undefined }, signal);
      if (followed === null) break;
      const { startedAt, endedAt, totals } = followed.run;
      const wallSeconds = ((endedAt ?? 0) - (startedAt ?? 0)) / 1_000;
      for (const [basis, estimate] of [
        ["checks", checks],
        ["like", like],
      ] as const) {
        if (estimate === null) continue;
        const trial: Trial = {
          job: job.name,
          seed,
          basis,
          wallSeconds: { actual: wallSeconds, range: estimate.wallSeconds },
          chargedUsd: { actual: totals.costUsd, range: estimate.chargedUsd },
        };
        trials.push(trial);
        show(inWords(trial));
      }
      before = runId;
    }
    return trials;
  } finally {
    await box.stop();
  }
}

export function isWithin({ actual, range }: Trial["wallSeconds"], factor = 1): boolean {
  return actual >= range.p10 / factor && actual <= range.p90 * factor;
}

export function inWords({ job, seed, basis, wallSeconds, chargedUsd }: Trial): string {
  const part = ({ actual, range }: Trial["wallSeconds"], unit: string, digits: number) =>
    `${actual.toPrecision(digits)} ${unit} (${range.p10.toPrecision(digits)} to ${range.p90.toPrecision(digits)})`;
  return `${job}, seed ${seed}, from ${basis}: ${part(wallSeconds, "s", 3)}, ${part(chargedUsd, "USD", 3)}`;
}

async function estimated(
  spec: RunSpec,
  { testSamples }: Staged,
  like: string | null,
  api: Api,
): Promise<Estimate> {
  const { estimate, problems } = await estimateSpec(
    spec,
    {
      clients: undefined,
      like,
      seeds: SIMULATED,
      prices: priceTables["cloud-run-2026"],
      testSamples: testSamples ?? undefined,
      parallel: undefined,
    },
    api,
    null,
  );
  if (estimate !== null) return estimate;
  throw new FlError(
    "failed-precondition",
    `No estimate: ${problems.map(({ message }) => message).join("; ")}.`,
  );
}

const [POLL_MS, PATIENCE_MS] = [500, 300_000];

async function ready(api: Api, runId: string): Promise<void> {
  await until(`Run ${runId} being ready`, async () => {
    const { status, statusReason } = await api.typed.run(runId);
    if (status === "failed") throw new FlError("failed-precondition", `${statusReason}`);
    return status === "ready";
  });
}

/** All at the same time, as `fedstratus client check --all` does with few. */
async function checkAll({ clients }: Staged, runId: string, api: Api): Promise<void> {
  const Checks = z.object({ items: z.array(Check) });
  await Promise.all(
    clients.map(async ({ clientId }) => {
      const path = `/v1/clients/${clientId}/check`;
      const { value } = await api.call(
        { method: "POST", path, body: { runId }, key: crypto.randomUUID() },
        Check,
      );
      await until(`the check of ${clientId}`, async () => {
        const { items } = (await api.call({ method: "GET", path: `${path}s` }, Checks)).value;
        const status = items.find(({ number }) => number === value.number)?.status;
        return status === "passed" || status === "failed" || status === "unanswered";
      });
    }),
  );
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > endMs)
      throw new FlError("unavailable", `${what} did not happen within ${PATIENCE_MS / 1_000} s.`);
    await sleep(POLL_MS);
  }
}
