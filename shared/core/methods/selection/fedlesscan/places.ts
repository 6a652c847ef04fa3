// How the places of a cohort are shared between the tiers, and who of the unproven gets one.
import type { Random } from "../../../random.ts";
import { missedItsLast } from "../missedItsLast.ts";
import { movingAverage } from "../movingAverage.ts";
import type { RosterEntry } from "../strategy.ts";
import type { FedlesscanOptions } from "./options.ts";
import { tierOf } from "./tiers.ts";

export interface Places {
  /** The clients that clusters are made of. */
  readonly known: readonly RosterEntry[];
  /** How many of `known` the cohort takes. */
  readonly knownCount: number;
  /** Taken to learn about them, in the order taken. */
  readonly explored: readonly RosterEntry[];
  /** How many could have been explored. */
  readonly explorable: number;
  /** Taken out of their cooldown because no other client is left, in the order taken. */
  readonly recalled: readonly RosterEntry[];
}

/**
 * @param clients by ascending id, so that what is drawn does not depend on the roster's order.
 * @param lateAfterMs what takes longer is too late for a round.
 */
export function sharePlaces(
  clients: readonly RosterEntry[],
  round: number,
  size: number,
  options: FedlesscanOptions,
  lateAfterMs: number,
  random: Random,
): Places {
  const rookies = clients.filter((client) => tierOf(client, round) === "rookie");
  const participants = clients.filter((client) => tierOf(client, round) === "participant");
  const stragglers = clients.filter((client) => tierOf(client, round) === "straggler");
  return options.paperFaithful
    ? asPublished(rookies, participants, stragglers, size, random)
    : withinBudget(rookies, participants, stragglers, round, size, options, lateAfterMs, random);
}

/** Every rookie first, then participants, then stragglers; drawn uniformly where not all fit. */
function asPublished(
  rookies: readonly RosterEntry[],
  participants: readonly RosterEntry[],
  stragglers: readonly RosterEntry[],
  size: number,
  random: Random,
): Places {
  const explored = rookies.length < size ? rookies : random.sample(rookies, size);
  const knownCount = Math.min(size - explored.length, participants.length);
  const rest = Math.min(size - explored.length - knownCount, stragglers.length);
  return {
    known: participants,
    knownCount,
    explored,
    explorable: rookies.length,
    recalled: random.sample(stragglers, rest),
  };
}

/**
 * Expected failures that exploring may cost a round between explorations: it ends in time nine times out of
 * ten.
 */
const FAILURES_BETWEEN = 0.1;

/**
 * Participants that did not miss their last invocation and are not too slow for a round are known to be good.
 * The others and the rookies are explored, the likeliest to succeed first: as many as the known ones leave
 * over, else within a budget of places and of expected failures. A single failure makes a round wait as long
 * as many do, so the budget of several rounds is spent in one. Where hardly anyone fails rookies are soon all
 * known; where many crash they never fill a round.
 */
function withinBudget(
  rookies: readonly RosterEntry[],
  participants: readonly RosterEntry[],
  stragglers: readonly RosterEntry[],
  round: number,
  size: number,
  { explorationShare, explorationRisk, explorationEvery, timeSmoothing }: FedlesscanOptions,
  lateAfterMs: number,
  random: Random,
): Places {
  const isDoubtful = (client: RosterEntry): boolean =>
    missedItsLast(client) || movingAverage(client.trainMsHistory, timeSmoothing) > lateAfterMs;
  const known = participants.filter((client) => !isDoubtful(client));
  const chance = chanceOfSuccess([...participants, ...stragglers], lateAfterMs);
  const unproven = [...rookies, ...participants.filter(isDoubtful)];
  const likeliest = likeliestOf(unproven, size, chance, random);
  const places = Math.ceil(explorationShare * size);
  const isDue = round % explorationEvery === 0;
  const budget = isDue ? explorationRisk * size * explorationEvery : FAILURES_BETWEEN;
  const affordable = withinRisk(likeliest.slice(0, places), budget, isDue ? 1 : 0, chance);
  const explored = likeliest.slice(0, Math.max(affordable, size - known.length));
  const knownCount = Math.min(size - explored.length, known.length);
  const recalled = likeliestOf(stragglers, size - explored.length - knownCount, chance, random);
  return { known, knownCount, explored, explorable: unproven.length, recalled };
}

/**
 * The `count` clients that are likeliest to succeed, the likeliest first, drawn where they are equally
 * likely. O(n).
 */
function likeliestOf(
  clients: readonly RosterEntry[],
  count: number,
  chance: (client: RosterEntry) => number,
  random: Random,
): readonly RosterEntry[] {
  if (count === 0) return [];
  const byChance = [...Map.groupBy(clients, chance)].sort(([a], [b]) => b - a);
  const taken: RosterEntry[] = [];
  for (const [, equals] of byChance) {
    taken.push(...random.sample(equals, Math.min(equals.length, count - taken.length)));
    if (taken.length === count) break;
  }
  return taken;
}

/**
 * How many of these, from the first on, are expected to bring no more failures than `failures`; `least` of
 * any.
 */
function withinRisk(
  clients: readonly RosterEntry[],
  failures: number,
  least: number,
  chance: (client: RosterEntry) => number,
): number {
  let expected = 0;
  const beyond = clients.findIndex((client, i) => {
    expected += 1 - chance(client);
    return i >= least && expected > failures;
  });
  return beyond === -1 ? clients.length : beyond;
}

/**
 * The chance that a client's next invocation succeeds: from its own record by Laplace's rule of succession;
 * for a rookie, as many as have ever finished in time of the clients invoked so far, and one more that does
 * not fail, so that rookies are assumed to succeed while none has failed.
 */
function chanceOfSuccess(
  invoked: readonly RosterEntry[],
  lateAfterMs: number,
): (client: RosterEntry) => number {
  const inTime = ({ trainMsHistory }: RosterEntry): number =>
    trainMsHistory.reduce((count, ms) => (ms <= lateAfterMs ? count + 1 : count), 0);
  const ofRookie = (invoked.filter((client) => inTime(client) > 0).length + 1) / (invoked.length + 1);
  return (client) => {
    const calls = client.trainMsHistory.length + client.missedRounds.length;
    return calls === 0 ? ofRookie : (inTime(client) + 1) / (calls + 2);
  };
}
