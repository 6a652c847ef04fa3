// Apodotiko: clients scored by the work they do a second, and drawn by their scores (Chadha, Jensen, Gu,
// Abboud & Gerndt, CCGrid 2024, algorithm 2).
import { answerOf, type Said } from "../answer.ts";
import { durationPredictor } from "../duration.ts";
import { ordinal } from "../ordinal.ts";
import { splitRoster } from "../roster.ts";
import type { RosterEntry, Select, Strategy } from "../strategy.ts";
import { weightedSample } from "../weightedSample.ts";
import type { ApodotikoOptions } from "./face.ts";

const SIGNAL = "samples";

const GROUPS = ["never invoked", "scored", "failed lately"] as const;
type Group = (typeof GROUPS)[number];

const select: Select<ApodotikoOptions> = (input, random) => {
  const { round, options, nowMs } = input;
  const { free, busy } = splitRoster(input);
  const groupOf = (client: RosterEntry): Group => {
    const lastMiss = client.missedRounds.at(-1);
    if (lastMiss !== undefined && round - lastMiss <= options.failureRounds) return "failed lately";
    return client.invocations === 0 ? "never invoked" : "scored";
  };
  const members = Map.groupBy(free, groupOf);
  const size = Math.min(input.cohortSize, free.length);
  const newcomers = members.get("never invoked") ?? [];
  const first = random.sample(newcomers, Math.min(size, newcomers.length));
  const scored = members.get("scored") ?? [];
  const scores = logScores(scored, round, options);
  const drawn = weightedSample(
    scored,
    ({ clientId }) => scores.get(clientId) ?? 0,
    size - first.length,
    random,
  );
  const failed = members.get("failed lately") ?? [];
  const recalled = random.sample(failed, size - first.length - drawn.length);
  const chances = sharesOf(scores);
  const predicted = durationPredictor(free, nowMs, options);

  const say = (client: RosterEntry, rank: number | null): Said => {
    const group = groupOf(client);
    const predictedMs = predicted(client);
    const verdict = rank === null ? "not drawn" : `taken ${ordinal(rank)} of ${size}`;
    return {
      reason: `${standing(client, group, chances.get(client.clientId) ?? 0)}: ${verdict}`,
      group,
      ...(predictedMs === null ? {} : { predictedMs }),
    };
  };
  return answerOf({ free, busy }, [...first, ...drawn, ...recalled], say, GROUPS);
};

/**
 * The logarithm of each client's score, by id. What no score follows from, such as a client that has failed
 * and finished nothing, counts as the mean of the others.
 *
 * Epochs ÷ batch size is the same for all, and left out: only ratios of scores matter.
 */
export function logScores(
  clients: readonly RosterEntry[],
  round: number,
  options: ApodotikoOptions,
): ReadonlyMap<string, number> {
  const samples = samplesOf(clients);
  const rates = new Map(
    clients.flatMap(({ clientId, trainMsHistory }) => {
      const count = samples.get(clientId);
      if (count === undefined || trainMsHistory.length === 0) return [];
      return [[clientId, rateOf(count, trainMsHistory, options)] as const];
    }),
  );
  const mean = [...rates.values()].reduce((sum, rate) => sum + rate / rates.size, 0);
  return new Map(
    clients.map((client) => {
      const rate = rates.get(client.clientId) ?? (mean > 0 ? mean : 1);
      const waited = Math.max(0, round - 1 - (client.lastSelectedRound ?? 0));
      return [client.clientId, Math.log(rate) + waited * Math.log(options.booster)];
    }),
  );
}

/** Samples that a score counts at most, in medians of all: what a client says of them cannot be checked. */
const MOST_MEDIANS = 10;

/** By id, of the clients that say any. */
function samplesOf(clients: readonly RosterEntry[]): ReadonlyMap<string, number> {
  const said = clients.flatMap(({ clientId, signals = {} }) => {
    const samples = Object.hasOwn(signals, SIGNAL) ? (signals[SIGNAL] ?? 0) : 0;
    return samples > 0 ? [[clientId, samples] as const] : [];
  });
  const sorted = said.map(([, samples]) => samples).sort((a, b) => a - b);
  const most = MOST_MEDIANS * (sorted[(sorted.length - 1) >> 1] ?? 0);
  return new Map(said.map(([id, samples]) => [id, Math.min(samples, most)]));
}

/** Σ decay^i N² / t_i ÷ Σ decay^i, the newest of the times first. */
function rateOf(
  samples: number,
  trainMsHistory: readonly number[],
  { scoreDecay, scoreHistory }: ApodotikoOptions,
): number {
  let [sum, weights, weight] = [0, 0, 1];
  for (const ms of trainMsHistory.slice(-scoreHistory).toReversed()) {
    // No client is faster than a tick of the clock.
    sum += weight * (samples ** 2 / Math.max(1, ms));
    weights += weight;
    weight *= scoreDecay;
  }
  return sum / weights;
}

/** Of each, its share of all scores. */
function sharesOf(logs: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const most = [...logs.values()].reduce((max, log) => Math.max(max, log), Number.NEGATIVE_INFINITY);
  const parts = [...logs].map(([id, log]) => [id, Math.exp(log - most)] as const);
  const total = parts.reduce((sum, [, part]) => sum + part, 0);
  return new Map(parts.map(([id, part]) => [id, part / total]));
}

function standing(client: RosterEntry, group: Group, chance: number): string {
  if (group === "never invoked") return "never invoked";
  if (group === "failed lately") return `missed round ${client.missedRounds.at(-1)}, sits out`;
  return `has ${(100 * chance).toPrecision(2)} % of all scores`;
}

export const behaviour: Strategy<ApodotikoOptions> = { signals: [SIGNAL], select };
