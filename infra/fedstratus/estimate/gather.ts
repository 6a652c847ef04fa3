// Gathers what is known before a run starts: the clients that it may invite, what their checks found, and a
// run that is like it. Reads, and changes nothing.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { wantedClient } from "../../../shared/core/methods/selection/wantedClients.ts";
import { givenTopology } from "../../../shared/core/models/givenTopology.ts";
import { forwardFlops } from "../../../shared/core/models/modelFlops.ts";
import { Check } from "../../../shared/core/schemas/check.ts";
import { Client } from "../../../shared/core/schemas/client.ts";
import { InvocationFigures, RoundFigures } from "../../../shared/core/schemas/figures.ts";
import { hasTopology } from "../../../shared/core/schemas/model.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import type { RunSpec } from "../../../shared/core/schemas/spec.ts";
import {
  type EvidencedClient,
  type LikeRun,
  type SeenCall,
  seenCheck,
  seenInvocation,
  type Work,
} from "../../sim/estimate/evidence.ts";
import { seenRounds } from "../../sim/estimate/seenRounds.ts";
import { usualStepMs } from "../../sim/estimate/usualTimes.ts";
import { rosterOf } from "../documents/rosterOf.ts";
import type { Api } from "../frame/api.ts";

/** Clients whose checks are asked for; the others are taken to be like them. */
const CHECKS_READ = 200;
const AT_ONCE = 8;
/** Rounds of a run that are looked at: its last ones. */
const ROUNDS_READ = 20;
/** Runs that are looked at for one with the same clients, newest first. */
const RUNS_READ = 20;
/** Of the clients that may be invited, the share that a run must have had to be like. */
const SAME_CLIENTS = 0.5;

export interface Gathered {
  readonly clients: readonly EvidencedClient[];
  readonly calls: readonly SeenCall[];
  readonly like: LikeRun | null;
}

/** The work of a run, and how much arithmetic its model is. */
export interface SizedWork extends Work {
  /** Of one sample, forward. */
  readonly flops: number;
  readonly parameterCount: number;
}

/** @param parameterCount of the model; see `foreseeModel` */
export function workOf(
  { model, training }: Pick<RunSpec, "model" | "training">,
  parameterCount: number,
): SizedWork {
  // Each parameter is used once for a sample at the least.
  const flops = (hasTopology(model) ? forwardFlops(givenTopology(model)) : undefined) ?? 2 * parameterCount;
  const { localEpochs, batchSize } = training;
  return { localEpochs, batchSize, stepMs: usualStepMs(flops, batchSize), flops, parameterCount };
}

/**
 * Of a run that was made before, whose topology is not in its document: a model with as many parameters is
 * taken to be the same, any other to be as much arithmetic for each parameter.
 */
function workOfRun({ spec, model }: Run, asked: SizedWork): SizedWork | null {
  if (model === null) return null;
  const { parameterCount } = model;
  const { localEpochs, batchSize } = spec.training;
  const flops = asked.flops * (parameterCount / asked.parameterCount);
  return { localEpochs, batchSize, stepMs: usualStepMs(flops, batchSize), flops, parameterCount };
}

/**
 * @param likeId of the run to look at; undefined: one with the same clients, where there is one; null: none
 * @throws FlError("failed-precondition") where the named run has no round that is over
 */
export async function gather(
  spec: RunSpec,
  asked: SizedWork,
  likeId: string | null | undefined,
  api: Api,
): Promise<Gathered> {
  const all = await api.list("/v1/clients", Client, { limit: 1, all: true });
  const clients = all.items
    .map(({ value }) => value)
    .filter((client) => !wantedClient(spec.selection, client, spec.requires).retired);
  const known = await checksOf(clients.slice(0, CHECKS_READ), asked, api);
  const runId = likeId === undefined ? await sameClients(clients, api) : likeId;
  const seen = runId === null ? null : await seenRun(runId, asked, api, likeId !== undefined);
  return {
    clients: clients.map(({ clientId, url, capacity, labels, dataCard }) => ({
      clientId,
      url,
      capacity,
      labels,
      samples: known.samples.get(clientId) ?? dataCard.samples ?? null,
    })),
    // What a run has shown counts before what a check has: of checks only those of others are left.
    calls: seen === null ? known.calls : [...seen.calls, ...checksBeside(known.calls, seen.calls)],
    like: seen?.like ?? null,
  };
}

function checksBeside(checks: readonly SeenCall[], ran: readonly SeenCall[]): readonly SeenCall[] {
  const there = new Set(ran.map(({ clientId }) => clientId));
  return checks.filter(({ clientId }) => !there.has(clientId));
}

async function checksOf(
  clients: readonly Client[],
  asked: SizedWork,
  api: Api,
): Promise<{ readonly calls: readonly SeenCall[]; readonly samples: ReadonlyMap<string, number> }> {
  const Checks = z.object({ items: z.array(Check) });
  const runs = new Map<string, Promise<SizedWork | null>>();
  const workById = (runId: string) => {
    const work = runs.get(runId) ?? readRun(runId, api).then((run) => workOfRun(run, asked));
    runs.set(runId, work);
    return work;
  };
  const calls: SeenCall[] = [];
  const samples = new Map<string, number>();
  const queue = clients.values();
  const work = async () => {
    for (const { clientId } of queue) {
      const { value } = await api.call({ method: "GET", path: `/v1/clients/${clientId}/checks` }, Checks);
      const ended = value.items.filter(({ status }) => status !== "asked" && status !== "running");
      // The last one that found anything; of a client that never did, the last one.
      const check = ended.find(({ facts }) => facts !== null && facts.steps > 0) ?? ended[0];
      if (check === undefined) continue;
      const done = check.runId === null ? null : await workById(check.runId);
      const call = seenCheck(check, done, asked);
      if (call !== null) calls.push(call);
      if (check.facts?.samples != null) samples.set(clientId, check.facts.samples);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { calls: calls.toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1)), samples };
}

async function readRun(runId: string, api: Api): Promise<Run> {
  return (await api.call({ method: "GET", path: `/v1/runs/${runId}` }, Run)).value;
}

/** The newest run that is over and whose roster has most of the clients; null where none has. */
async function sameClients(clients: readonly Client[], api: Api): Promise<string | null> {
  const Entry = z.object({ clientId: z.string(), invocations: z.number() });
  const ids = new Set(clients.map(({ clientId }) => clientId));
  const { items } = await api.list("/v1/runs", Run, { limit: RUNS_READ });
  for (const { value: run } of items) {
    if (run.totals.inTime === 0 || run.model === null) continue;
    const roster = await rosterOf(run.runId, Entry, api);
    const invited = roster.filter(({ clientId, invocations }) => invocations > 0 && ids.has(clientId));
    if (invited.length >= SAME_CLIENTS * Math.min(ids.size, run.totals.invoked)) return run.runId;
  }
  return null;
}

async function seenRun(
  runId: string,
  asked: SizedWork,
  api: Api,
  isNamed: boolean,
): Promise<{ readonly like: LikeRun; readonly calls: readonly SeenCall[] } | null> {
  const run = await readRun(runId, api);
  const done = workOfRun(run, asked);
  const last = run.openRound === null ? run.round : run.openRound - 1;
  if (done === null || last < 1) {
    if (!isNamed) return null;
    throw new FlError(
      "failed-precondition",
      `Run ${runId} has no round that is over: name another with --like.`,
    );
  }
  const from = Math.max(1, last - ROUNDS_READ + 1);
  const [rounds, invocations] = await Promise.all([
    api.list(`/v1/runs/${runId}/rounds`, RoundFigures, { limit: last }),
    api.list(`/v1/runs/${runId}/invocations`, InvocationFigures, {
      limit: 1,
      all: true,
      query: { from, to: last },
    }),
  ]);
  const calls = invocations.items.flatMap(({ value }) => seenInvocation(value, done, asked) ?? []);
  return {
    calls,
    like: {
      runId,
      rounds: seenRounds(
        run,
        rounds.items.map(({ value }) => value).filter(({ round }) => round >= from),
      ),
      preparationUsd: run.totals.preparationUsd,
      modelRatio: asked.flops / done.flops,
      sameModel: asked.parameterCount === done.parameterCount && asked.flops === done.flops,
    },
  };
}
