// How the places of a cohort are shared between the tiers, and who of the unproven gets one.
import type { Random } from "../../random.ts";
import type { RosterEntry } from "../strategy.ts";
import type { FedlesscanOptions } from "./options.ts";
import { missedItsLast, tierOf } from "./tiers.ts";

export interface Places {
  /** Those whom clusters are made of. */
  readonly known: readonly RosterEntry[];
  /** How many of `known` the cohort takes. */
  readonly knownCount: number;
  /** Taken to learn about them, in the order taken. */
  readonly explored: readonly RosterEntry[];
  /** How many could have been explored. */
  readonly explorable: number;
  /** Taken out of their cooldown because nobody else is left, in the order taken. */
  readonly recalled: readonly RosterEntry[];
}

/** @param clients by ascending id, so that what is drawn does not depend on the roster's order. */
export function sharePlaces(
  clients: readonly RosterEntry[],
  round: number,
  size: number,
  options: FedlesscanOptions,
  random: Random,
): Places {
  const rookies = clients.filter((client) => tierOf(client, round) === "rookie");
  const participants = clients.filter((client) => tierOf(client, round) === "participant");
  const stragglers = clients.filter((client) => tierOf(client, round) === "straggler");
  return options.paperFaithful
    ? asPublished(rookies, participants, stragglers, size, random)
    : withinBudget(rookies, participants, stragglers, size, options, random);
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
 * Participants that did not miss their last invocation are known to be good. The others and the rookies are explored, the
 * likeliest to succeed first: as many as the known ones leave over, else within a budget of places and of expected
 * failures. Where hardly anyone fails rookies are soon all known; where many crash they never fill a round.
 */
function withinBudget(
  rookies: readonly RosterEntry[],
  participants: readonly RosterEntry[],
  stragglers: readonly RosterEntry[],
  size: number,
  options: FedlesscanOptions,
  random: Random,
): Places {
  const known = participants.filter((client) => !missedItsLast(client));
  const chance = chanceOfSuccess([...participants, ...stragglers]);
  const likeliestFirst = (clients: readonly RosterEntry[]): readonly RosterEntry[] =>
    random.shuffle(clients).sort((a, b) => chance(b) - chance(a));
  const unproven = likeliestFirst([...rookies, ...participants.filter(missedItsLast)]);
  const places = Math.min(size, Math.ceil(options.explorationShare * size));
  const affordable = withinRisk(unproven.slice(0, places), options.explorationRisk * size, chance);
  const explored = unproven.slice(0, Math.max(affordable, size - known.length));
  const knownCount = Math.min(size - explored.length, known.length);
  const recalled = likeliestFirst(stragglers).slice(0, size - explored.length - knownCount);
  return { known, knownCount, explored, explorable: unproven.length, recalled };
}

/** How many of these, from the first on, are expected to bring no more failures than `failures`; at least 1 of any. */
function withinRisk(
  clients: readonly RosterEntry[],
  failures: number,
  chance: (client: RosterEntry) => number,
): number {
  let expected = 0;
  const beyond = clients.findIndex((client, i) => {
    expected += 1 - chance(client);
    return i > 0 && expected > failures;
  });
  return beyond === -1 ? clients.length : beyond;
}

/**
 * The chance that a client's next invocation succeeds, by Laplace's rule of succession: from its own record, or for a
 * rookie, from how many of the clients invoked so far have ever finished.
 */
function chanceOfSuccess(invoked: readonly RosterEntry[]): (client: RosterEntry) => number {
  const finished = invoked.filter(({ trainMsHistory }) => trainMsHistory.length > 0).length;
  const ofRookie = (finished + 1) / (invoked.length + 2);
  return ({ trainMsHistory, missedRounds }) =>
    trainMsHistory.length + missedRounds.length === 0
      ? ofRookie
      : (trainMsHistory.length + 1) / (trainMsHistory.length + missedRounds.length + 2);
}
