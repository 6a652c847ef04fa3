// The estimate of a run: what is believed, simulated for several seeds by the decisions of the cloud, and
// what that takes and costs as quantiles.
import { invocationCost, sumUsd } from "../../../shared/core/cost/cost.ts";
import type { PriceTable } from "../../../shared/core/cost/prices.ts";
import { MAX_TEACHERS } from "../../../shared/core/methods/training/codistillation/face.ts";
import type { EncodingName } from "../../../shared/core/methods/update/encodings.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { learnsIn } from "../../../shared/core/round/teachingGroup.ts";
import { ESTIMATE_ITEMS, type Estimate } from "../../../shared/core/schemas/estimate.ts";
import { SHARD_SIZE } from "../../../shared/core/schemas/roster.ts";
import { noLearner } from "../engine/learner.ts";
import { evaluatorCallUsd } from "../engine/ownCalls.ts";
import { simulateRun } from "../engine/simulateRun.ts";
import type { Beliefs } from "./beliefs.ts";
import { believedPopulation, type Tally } from "./believedPopulation.ts";
import { operationsOf } from "./operations.ts";
import type { EstimateInput, Outcome } from "./outcome.ts";
import { rangeOf } from "./quantiles.ts";
import { itemWords, madeFrom, NOT_INCLUDED, uncertainty, unknowns } from "./words.ts";

/** The same input gives the same estimate. */
export async function estimateRun(input: EstimateInput): Promise<Estimate> {
  const { spec, beliefs, prices, seeds } = input;
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= seeds; seed++) outcomes.push(await simulateOnce(input, seed));
  const range = (of: (outcome: Outcome) => number) => rangeOf(outcomes.map(of));
  const eurs = outcomes.flatMap(({ eur }) => eur ?? []);
  const { budgetUsd } = spec.stop;
  const share = (is: (outcome: Outcome) => boolean) => outcomes.filter(is).length / outcomes.length;
  const basis: Partial<Record<Beliefs["clients"][number]["basis"], number>> = {};
  for (const client of beliefs.clients) basis[client.basis] = (basis[client.basis] ?? 0) + 1;
  return {
    name: spec.name,
    rounds: spec.stop.rounds,
    seeds,
    wallSeconds: range(({ wallSeconds }) => wallSeconds),
    usd: range(totalUsd),
    chargedUsd: range(({ chargedUsd }) => chargedUsd),
    completedRounds: range(({ rounds }) => rounds),
    eur: eurs.length === 0 ? null : rangeOf(eurs),
    budget:
      budgetUsd === undefined ? null : { usd: budgetUsd, chance: share(({ isOverBudget }) => isOverBudget) },
    stalled: share(({ isStalled }) => isStalled),
    items: ESTIMATE_ITEMS.map((item) => {
      const values = outcomes.map(({ usd }) => usd[item]);
      const known = values.flatMap((usd) => usd ?? []);
      return {
        item,
        usd: known.length < values.length ? null : rangeOf(known),
        amount: itemWords(item, outcomes, input),
      };
    }),
    memory: input.memory.map((row) => ({ ...row })),
    clients: { total: beliefs.clients.length, basis },
    madeFrom: [...madeFrom(input)],
    uncertainty: [...uncertainty(input)],
    unknown: [...unknowns(input)],
    notIncluded: [...NOT_INCLUDED],
    prices: { name: prices.name, asOf: prices.asOf, source: prices.source },
  };
}

function totalUsd({ usd }: Outcome): number {
  return sumUsd(Object.values(usd).flatMap((one) => one ?? []));
}

/** What a value of an update takes, in bytes. */
const ENCODED_BYTES: Readonly<Record<EncodingName, number>> = { f32: 4, f16: 2, int8: 1 };

async function simulateOnce(input: EstimateInput, seed: number): Promise<Outcome> {
  const { spec, beliefs, modelBytes, prices, isScored } = input;
  const { population, preparationMs, tally } = believedPopulation(beliefs, seed);
  const preparationUsd = evaluatorCallUsd({ prices }, preparationMs);
  const parts = { clients: 0, coordinator: 0, aggregator: 0, prewarm: 0 };
  let shownAt = 0;
  /** Calls in a relay that go on with another client's update. */
  let handedOn = 0;
  /** Calls that learn from other runs, each of which downloads a version of every one. */
  let taught = 0;
  const { run } = await simulateRun({
    spec,
    population,
    learner: noLearner(population.samples, modelBytes),
    prices,
    preparationUsd,
    workFactor: 1,
    ignoresBusy: false,
    onRound: ({ round, cohort }) => {
      handedOn += cohort.filter(({ relay, claimedAt }) => claimedAt !== null && relay?.from.length).length;
      if (learnsIn(spec, round.round)) taught += cohort.filter(({ claimedAt }) => claimedAt !== null).length;
      parts.clients += round.costs.clientsUsd;
      parts.coordinator += round.costs.coordinatorUsd;
      parts.aggregator += round.costs.aggregatorUsd;
      parts.prewarm += round.costs.prewarmUsd;
      shownAt = round.closedAt ?? shownAt;
    },
    onSettled: (usd) => {
      parts.clients += usd;
    },
  });
  const drawn = tally();
  const chargedUsd = run.totals.costUsd;
  const coldUsd = Math.min(
    parts.clients,
    coldCost(drawn, population.capacityOf ?? (() => population.capacity), prices),
  );
  const known = preparationUsd + parts.clients + parts.coordinator + parts.aggregator + parts.prewarm;
  const evaluationUsd =
    isScored && beliefs.own.evaluatorBilled === null ? null : Math.max(0, chargedUsd - known);
  const operations = operationsOf({
    rounds: run.round,
    invocations: run.totals.invoked,
    shards: Math.max(1, Math.ceil(beliefs.clients.length / SHARD_SIZE)),
    warmCalls: drawn.woken,
  });
  const priceOf = (kind: keyof typeof operations) =>
    (operations[kind] * prices.operations[kind].usd) / prices.operations[kind].per;
  const updateBytes = (modelBytes / 4) * ENCODED_BYTES[spec.encoding];
  // How many other runs the group will have is not known.
  const teachers = 1 + randomFrom(seed, "teachers").int(MAX_TEACHERS);
  const downBytes = (drawn.calls + taught * teachers) * modelBytes + handedOn * updateBytes;
  const upBytes = drawn.updates * updateBytes;
  const isOverBudget =
    run.status === "completed" && spec.stop.budgetUsd !== undefined && run.round < spec.stop.rounds;
  return {
    wallSeconds: ((run.endedAt ?? shownAt) - (run.startedAt ?? 0)) / 1_000,
    chargedUsd,
    rounds: run.round,
    eur: run.eur,
    isOverBudget,
    isStalled: run.status !== "completed",
    invocations: run.totals.invoked,
    downBytes,
    upBytes,
    tally: drawn,
    usd: {
      clientTraining: parts.clients - coldUsd,
      coldStarts: coldUsd,
      prewarm: parts.prewarm,
      aggregation: parts.aggregator,
      evaluation: evaluationUsd,
      coordinator: parts.coordinator,
      preparation: preparationUsd,
      firestore: priceOf("firestoreReads") + priceOf("firestoreWrites") + priceOf("firestoreDeletes"),
      storage: priceOf("storageClassA") + priceOf("storageClassB"),
      tasks: priceOf("tasks"),
      egress: egressUsd(input, downBytes, seed),
    },
  };
}

/** Of cold starts alone, the price of their calls aside. */
function coldCost(
  { coldMs }: Tally,
  capacityOf: (clientId: string) => { readonly memoryMib: number; readonly vcpu: number },
  prices: PriceTable,
): number {
  return sumUsd(
    [...coldMs].map(([clientId, durationMs]) => {
      const capacity = capacityOf(clientId);
      return (
        invocationCost({ durationMs, ...capacity }, prices) -
        invocationCost({ durationMs: 0, ...capacity }, prices)
      );
    }),
  );
}

/** Models that leave the region; updates come in, which is free. Null where some clients may be anywhere. */
function egressUsd({ leaving, prices }: EstimateInput, downBytes: number, seed: number): number | null {
  const { near, far, unknown } = leaving;
  if (unknown > 0) return null;
  if (far === 0) return 0;
  if (prices.egress === undefined) return null;
  const { leastUsdPerGib, mostUsdPerGib } = prices.egress;
  const usdPerGib = leastUsdPerGib + (mostUsdPerGib - leastUsdPerGib) * randomFrom(seed, "egress").next();
  return (downBytes / 2 ** 30) * (far / (near + far)) * usdPerGib;
}
