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
    : withinBudget(rookies, participants, stragglers, size, options.explorationShare, random);
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
 * Participants that did not miss their last invocation are known to be good; the others and the rookies are explored,
 * the likeliest to succeed first, in a share of the cohort at most, or in what the known ones leave over.
 */
function withinBudget(
  rookies: readonly RosterEntry[],
  participants: readonly RosterEntry[],
  stragglers: readonly RosterEntry[],
  size: number,
  share: number,
  random: Random,
): Places {
  const known = participants.filter((client) => !missedItsLast(client));
  const unproven = likeliestFirst([...rookies, ...participants.filter(missedItsLast)], random);
  const budget = share === 0 ? 0 : Math.max(1, Math.floor(share * size));
  const explored = unproven.slice(0, Math.max(Math.min(budget, size), size - known.length));
  const knownCount = Math.min(size - explored.length, known.length);
  const recalled = likeliestFirst(stragglers, random).slice(0, size - explored.length - knownCount);
  return { known, knownCount, explored, explorable: unproven.length, recalled };
}

function likeliestFirst(clients: readonly RosterEntry[], random: Random): readonly RosterEntry[] {
  return random.shuffle(clients).sort((a, b) => reliability(b) - reliability(a));
}

/** The chance that the next invocation succeeds, by Laplace's rule of succession; 1/2 for a rookie. */
export function reliability({ trainMsHistory, missedRounds }: RosterEntry): number {
  return (trainMsHistory.length + 1) / (trainMsHistory.length + missedRounds.length + 2);
}
