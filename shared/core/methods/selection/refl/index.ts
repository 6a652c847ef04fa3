// REFL: the least available participants first (Abdelmoniem, Sahu, Canini & Fahmy, EuroSys 2023, algorithm
// 1).
import { answerOf, type Said } from "../answer.ts";
import { durationPredictor } from "../duration.ts";
import { ordinal } from "../ordinal.ts";
import { splitRoster } from "../roster.ts";
import type { RosterEntry, Select, Strategy } from "../strategy.ts";
import { availabilityAt, REFL_SIGNALS } from "./availability.ts";
import type { ReflOptions } from "./face.ts";
import { ReflState, remembered } from "./state.ts";

/** In the order in which places are given; the first two have the same turn. */
const GROUPS = ["not seen yet", "leaves soon", "available", "rests", "likely away"] as const;
type Group = (typeof GROUPS)[number];

/** Of a predicted duration: a client has to be there for so much longer, as durations vary. */
const SLACK = 0.25;

const select: Select<ReflOptions, ReflState> = (input, random) => {
  const { round, options, nowMs } = input;
  const { free, busy } = splitRoster(input);
  const state = remembered(input.state, round, nowMs, options.roundSmoothing);
  const predicted = durationPredictor(free, nowMs, options);
  const roundMs = state.roundMs ?? 0;

  const groupOf = (client: RosterEntry): Group => {
    const doneMs = nowMs + (1 + SLACK) * (predicted(client) ?? roundMs);
    const nextMs = doneMs + Math.max(roundMs, doneMs - nowMs);
    const times = [nowMs, doneMs, nextMs];
    const [now = 1, done = 1, next = 1] = availabilityAt(client, times, state, options.periodSeconds);
    if (now < 0.5 || done < 0.5) return "likely away";
    if (client.invocations === 0) return "not seen yet";
    const { lastSelectedRound } = client;
    if (lastSelectedRound !== null && round - lastSelectedRound <= options.restRounds) return "rests";
    return next < 0.5 ? "leaves soon" : "available";
  };

  const groupById = new Map(free.map((client) => [client.clientId, groupOf(client)]));
  const members = Map.groupBy(free, ({ clientId }) => groupById.get(clientId) as Group);
  const size = Math.min(input.cohortSize, free.length);
  const of = (group: Group): readonly RosterEntry[] => members.get(group) ?? [];
  const order: RosterEntry[] = [];
  // Nobody knows whether a client that was never seen leaves soon: behind those that do, its turn might never
  // come.
  const turns = [
    [...of("not seen yet"), ...of("leaves soon")],
    of("available"),
    of("rests"),
    of("likely away"),
  ];
  for (const candidates of turns) {
    order.push(...random.sample(candidates, Math.min(candidates.length, size - order.length)));
  }

  const say = (client: RosterEntry, rank: number | null): Said => {
    const group = groupById.get(client.clientId) as Group;
    const predictedMs = predicted(client);
    const verdict = rank === null ? "not taken" : `taken ${ordinal(rank)} of ${size}`;
    return {
      reason: `${standing(client, group, round, options)}: ${verdict}`,
      group,
      ...(predictedMs === null ? {} : { predictedMs }),
    };
  };
  return { ...answerOf({ free, busy }, order, say, GROUPS), state };
};

function standing(client: RosterEntry, group: Group, round: number, { restRounds }: ReflOptions): string {
  switch (group) {
    case "leaves soon":
      return "can finish now, and is expected to be gone a round later";
    case "not seen yet":
      return "never invoked";
    case "available":
      return "expected to stay";
    case "rests":
      return `rests until round ${(client.lastSelectedRound ?? round) + restRounds}`;
    case "likely away":
      return "expected to be away, or gone before it has finished";
  }
}

export const behaviour: Strategy<ReflOptions, ReflState> = {
  state: ReflState,
  signals: REFL_SIGNALS,
  select,
};
