// Estimates a run of a spec: what the api says of it, what is known of its clients, and what follows of that.

import type { PriceTable } from "../../../shared/core/cost/prices.ts";
import type { Problem } from "../../../shared/core/errors.ts";
import { invitedCount } from "../../../shared/core/methods/selection/cohortOptions.ts";
import {
  foreseeModel,
  type MemoryRow,
  memoryRows,
  sizeProblems,
} from "../../../shared/core/round/runCheck.ts";
import { Capacity } from "../../../shared/core/schemas/client.ts";
import type { Estimate } from "../../../shared/core/schemas/estimate.ts";
import { hasTopology } from "../../../shared/core/schemas/model.ts";
import { inPlainWords, plainProblems } from "../../../shared/core/schemas/plainProblems.ts";
import { MAX_COHORT, RunSpec, StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { functionShapes } from "../../box/deployment.ts";
import { beliefsOf } from "../../sim/estimate/beliefs.ts";
import { leavingOf } from "../../sim/estimate/egress.ts";
import { estimateRun } from "../../sim/estimate/estimateRun.ts";
import type { EvidencedClient } from "../../sim/estimate/evidence.ts";
import type { Api } from "../frame/api.ts";
import { type Gathered, gather, workOf } from "./gather.ts";

export interface EstimateWish {
  /** In the place of those that are registered; undefined: those. */
  readonly clients: number | undefined;
  /** A run's id; undefined: one with the same clients; null: none. */
  readonly like: string | null | undefined;
  readonly seeds: number;
  readonly prices: PriceTable;
  readonly testSamples: number | undefined;
  /** Calls that are served at once; undefined: as was seen. */
  readonly parallel: number | undefined;
}

/** What the api has said of the spec, as far as it is needed. */
export interface KnownOfSpec {
  readonly memory: readonly MemoryRow[];
  /** Null where it has to be built to be known. */
  readonly parameterCount: number | null;
}

export type Estimated =
  | { readonly estimate: Estimate; readonly problems: readonly [] }
  | { readonly estimate: null; readonly problems: readonly Problem[] };

/**
 * @param api null: nothing is asked, and only arithmetic is known
 * @param known null without an api
 */
export async function estimateSpec(
  written: unknown,
  wish: EstimateWish,
  api: Api | null,
  known: KnownOfSpec | null,
): Promise<Estimated> {
  const read = RunSpec.safeParse(written, inPlainWords);
  if (!read.success) return refused(plainProblems(read.error));
  const spec = read.data;
  const foreseen = foreseeModel(spec, null);
  const parameterCount = known?.parameterCount ?? foreseen.model?.parameterCount ?? null;
  if (parameterCount === null) {
    const problem = {
      path: "model",
      message:
        "its size cannot be told without building it, and an estimate needs it: create a run of it, and see run show",
    };
    return refused(foreseen.problems.length > 0 ? foreseen.problems : [problem]);
  }
  const memory = known?.memory ?? usualMemory(spec, foreseen.model);
  const misfits =
    known !== null || foreseen.model === null ? [] : sizeProblems(spec, foreseen.model, USUAL_MEMORIES);
  if (misfits.length > 0) return refused(misfits);
  const work = workOf(spec, parameterCount);
  const gathered = api === null ? NOTHING : await gather(spec, work, wish.like, api);
  const clients = wish.clients === undefined ? gathered.clients : asMany(gathered.clients, wish.clients);
  const { minUpdates } = spec.round;
  if (clients.length < minUpdates) {
    return refused([
      {
        path: "selection.clients",
        message: `${clients.length} clients are there for it, and a round needs ${minUpdates} at the least: register more, or say --clients to estimate with others`,
      },
    ]);
  }
  const isScored =
    hasTopology(spec.model) && (spec.training.local ?? []).length === 0 && spec.evaluation?.central !== false;
  const modelBytes = 4 * parameterCount;
  const evidence = {
    clients,
    calls: gathered.calls,
    like: gathered.like,
    testSamples: wish.testSamples ?? null,
    places: wish.parallel ?? null,
  };
  const cohort = Math.min(clients.length, invitedCount(spec.selection, MAX_COHORT));
  const beliefs = beliefsOf(evidence, { work, cohort, modelBytes, flops: work.flops, isScored });
  const estimate = await estimateRun({
    // The model is what it weighs; nothing is trained.
    spec: StoredRunSpec.parse({ ...spec, model: { builtin: "none" } }),
    beliefs,
    modelBytes,
    memory,
    leaving: leavingOf(
      api?.url ?? null,
      clients.map(({ url }) => url),
    ),
    isScored,
    prices: wish.prices,
    seeds: wish.seeds,
  });
  return { estimate, problems: [] };
}

function refused(problems: readonly Problem[]): Estimated {
  return { estimate: null, problems };
}

const NOTHING: Gathered = { clients: [], calls: [], like: null };

/** As functions are deployed where nothing else is said. */
const USUAL_MEMORIES = {
  aggregatorMib: functionShapes.aggregator.memoryMib,
  evaluatorMib: functionShapes.evaluator.memoryMib,
  clientMib: functionShapes.client.memoryMib,
} as const;

function usualMemory(spec: RunSpec, model: ReturnType<typeof foreseeModel>["model"]): readonly MemoryRow[] {
  return model === null ? [] : memoryRows(model, spec, USUAL_MEMORIES);
}

/** The first so many; beyond those that there are, more of the usual size, each with a function of its own. */
function asMany(clients: readonly EvidencedClient[], count: number): readonly EvidencedClient[] {
  const [first] = clients;
  const taken = new Set(clients.map(({ clientId }) => clientId));
  const more: EvidencedClient[] = [];
  for (let i = 1; clients.length + more.length < count; i++) {
    const clientId = `more-${String(i).padStart(6, "0")}`;
    if (taken.has(clientId)) continue;
    more.push({
      clientId,
      url: `client:${clientId}`,
      capacity: first?.capacity ?? Capacity.parse({}),
      labels: first?.labels ?? {},
      samples: null,
    });
  }
  return [...clients, ...more].slice(0, count);
}
