// Oort: guided participant selection by statistical and system utility (Lai, Zhu, Madhyastha & Chowdhury,
// OSDI 2021, algorithm 1).
import type { Random } from "../../../random.ts";
import { answerOf, type Said } from "../answer.ts";
import { cooldownLeft } from "../cooldown.ts";
import { averageWorkMs, durationPredictor } from "../duration.ts";
import { ordinal } from "../ordinal.ts";
import { splitRoster } from "../roster.ts";
import type { RosterEntry, Select, Strategy } from "../strategy.ts";
import { weightedSample } from "../weightedSample.ts";
import type { OortOptions } from "./face.ts";
import { OortState, paced } from "./pacer.ts";
import { OORT_SIGNALS, preferredMs, type Rated, rated, speedFactor, statisticalUtility } from "./utility.ts";

const GROUPS = ["known", "not tried", "sitting out"] as const;
type Group = (typeof GROUPS)[number];

const select: Select<OortOptions, OortState> = (input, random) => {
  const { round, options, nowMs } = input;
  const { free, busy } = splitRoster(input);
  const state = paced(input.state, input.clients, round, options);
  const groupOf = (client: RosterEntry): Group => {
    if (cooldownLeft(client, round) > 0) return "sitting out";
    const isKnown = client.trainMsHistory.length > 0 && statisticalUtility(client) !== null;
    return isKnown ? "known" : "not tried";
  };
  const members = Map.groupBy(free, groupOf);
  const [known, untried, resting] = GROUPS.map((name) => members.get(name) ?? []) as [
    RosterEntry[],
    RosterEntry[],
    RosterEntry[],
  ];
  const timesMs = known.flatMap((client) => averageWorkMs(client, options.timeSmoothing) ?? []);
  const preferred = preferredMs(timesMs, state.percent);
  const scores = rated(known, round, preferred, options);
  const size = Math.min(input.cohortSize, free.length);
  const exploring = Math.min(
    untried.length,
    Math.max(size - known.length, size - exploitedPlaces(size, round, options)),
  );
  const exploiting = Math.min(known.length, size - exploring);
  const exploited = exploit(scores, exploiting, options, random);
  const explored = weightedSample(
    untried,
    (client) => {
      const workMs = averageWorkMs(client, options.timeSmoothing);
      return workMs === null ? 0 : Math.log(speedFactor(workMs, preferred, options.slowPenalty));
    },
    exploring,
    random,
  );
  const recalled = random.sample(resting, size - exploited.length - explored.length);
  const scoreById = new Map(scores.map((one) => [one.client.clientId, one]));
  const predicted = durationPredictor(free, nowMs, options);

  const say = (client: RosterEntry, rank: number | null): Said => {
    const predictedMs = predicted(client);
    const group = groupOf(client);
    const verdict = rank === null ? "not taken" : `taken ${ordinal(rank)} of ${size}`;
    return {
      reason: `${standing(client, group, scoreById.get(client.clientId), round, preferred)}: ${verdict}`,
      group,
      ...(predictedMs === null ? {} : { predictedMs }),
    };
  };
  return { ...answerOf({ free, busy }, [...exploited, ...explored, ...recalled], say, GROUPS), state };
};

/** Places for clients of known utility: what exploration leaves. */
function exploitedPlaces(size: number, round: number, { exploration }: OortOptions): number {
  const share = Math.max(exploration.least, exploration.initial * exploration.decay ** round);
  return Math.floor(size * (1 - Math.min(1, share)) + 1e-9);
}

/** Drawn by score, among those not far below the last place. */
function exploit(
  scores: readonly Rated[],
  places: number,
  { cutOff }: OortOptions,
  random: Random,
): readonly RosterEntry[] {
  if (places === 0) return [];
  const ranked = scores.toSorted((a, b) => b.score - a.score);
  const bar = cutOff * (ranked[places - 1]?.score ?? 0);
  const eligible = ranked.filter(({ score }) => score >= bar);
  // A score of 0 is the lowest utility of all in round 1: as unlikely as can be, but not impossible.
  const drawn = weightedSample(eligible, ({ score }) => Math.log(Math.max(score, 1e-12)), places, random);
  return drawn.map(({ client }) => client);
}

function standing(
  client: RosterEntry,
  group: Group,
  one: Rated | undefined,
  round: number,
  preferred: number,
): string {
  if (group === "sitting out") {
    return `missed round ${client.missedRounds.at(-1)}, sits out ${cooldownLeft(client, round)} more`;
  }
  if (one === undefined) return client.invocations === 0 ? "never invoked" : "its utility is not known";
  const slow = one.workMs > preferred ? `, slower than ${seconds(preferred)}` : "";
  return `utility ${one.utility.toPrecision(3)} in ${seconds(one.workMs)}${slow}, score ${one.score.toPrecision(3)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

export const behaviour: Strategy<OortOptions, OortState> = {
  state: OortState,
  signals: OORT_SIGNALS,
  select,
};
