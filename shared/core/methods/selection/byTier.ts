// Clients in tiers by how long their work takes, and a cohort for each tier that has none at work.
import type { Random } from "../../random.ts";
import type { CohortGroup } from "../../schemas/round.ts";
import { averageWorkMs } from "./duration.ts";
import { missedItsLast } from "./missedItsLast.ts";
import { byClientId } from "./roster.ts";
import type { Consideration, RosterEntry, Selection, SelectionInput, Strategy } from "./strategy.ts";

/** Weight of the newest duration in a client's average. */
const TIME_SMOOTHING = 0.5;

/** The clients of a round's cohort that are of one tier. */
export interface TierCohort {
  /** From 1, the fastest. */
  readonly tier: number;
  readonly members: readonly string[];
}

/**
 * The clients of each tier, the fastest first: equal parts of those whose work was seen, by its average.
 * Slowest of all are those that were not heard of when they were last invited, so that a fast tier waits for
 * a client that is gone once. Those that nothing is known of are dealt out evenly: each tier learns its share
 * of them.
 *
 * @param clients in any order, each id once.
 */
export function inTiers(clients: readonly RosterEntry[], count: number): readonly (readonly RosterEntry[])[] {
  const seen = clients
    .flatMap((client) => {
      const ms = missedItsLast(client) ? Number.POSITIVE_INFINITY : averageWorkMs(client, TIME_SMOOTHING);
      return ms === null ? [] : [{ client, ms }];
    })
    .sort((a, b) => (a.ms === b.ms ? byClientId(a.client, b.client) : a.ms - b.ms));
  const known = new Set(seen.map(({ client }) => client));
  const unknown = clients.filter((client) => !known.has(client)).sort(byClientId);
  return Array.from({ length: count }, (_, tier) => [
    ...seen.filter((_, i) => Math.floor((i * count) / seen.length) === tier).map(({ client }) => client),
    ...unknown.filter((_, i) => i % count === tier),
  ]);
}

/** A tier's share of the clients that may be at work at a time; the first tiers have one more. */
export function shareOfTier(cohortSize: number, tier: number, count: number): number {
  return Math.floor(cohortSize / count) + (tier <= cohortSize % count ? 1 : 0);
}

export interface Tiers {
  readonly count: number;
  /** Those that a cohort is at work for, or whose updates wait: they are left alone. */
  readonly atWork: readonly number[];
  readonly random: (tier: number) => Random;
}

/** A strategy's choice for each tier, among the clients of the tier. What it keeps is not kept. */
export function selectByTier<Options>(
  { select }: Pick<Strategy<Options, unknown>, "select">,
  input: SelectionInput<Options, unknown>,
  { count, atWork, random }: Tiers,
): Selection & { readonly tiers: readonly TierCohort[] } {
  const considered: Consideration[] = [];
  const groups: CohortGroup[] = [];
  const tiers: TierCohort[] = [];
  for (const [i, clients] of inTiers(input.clients, count).entries()) {
    const tier = i + 1;
    const name = `tier ${tier}`;
    const cohortSize = shareOfTier(input.cohortSize, tier, count);
    if (clients.length === 0 || cohortSize === 0) continue;
    const isAtWork = atWork.includes(tier);
    const chosen = isAtWork
      ? { cohort: [], considered: clients.map(({ clientId }) => left(clientId, "its cohort is at work")) }
      : select({ ...input, clients, cohortSize }, random(tier));
    considered.push(
      ...chosen.considered.map((one) => ({
        ...one,
        tier: name,
        group: name,
        reason: `${name} of ${count}: ${one.reason}`,
      })),
    );
    groups.push({
      name,
      size: clients.length,
      chosen: chosen.cohort.length,
      ...(isAtWork ? { note: "at work" } : {}),
      figures: figuresOf(clients),
    });
    if (chosen.cohort.length > 0) tiers.push({ tier, members: chosen.cohort });
  }
  return {
    cohort: tiers.flatMap(({ members }) => members).sort(),
    considered: considered.sort(byClientId),
    groups,
    tiers,
  };
}

function left(clientId: string, reason: string): Consideration {
  return { clientId, chosen: false, reason, rank: null };
}

function figuresOf(clients: readonly RosterEntry[]): CohortGroup["figures"] {
  const known = clients.flatMap((client) => averageWorkMs(client, TIME_SMOOTHING) ?? []);
  const mean = known.reduce((sum, ms) => sum + ms / 1_000, 0) / known.length;
  return [
    { name: "clients timed", value: known.length },
    ...(known.length === 0 ? [] : [{ name: "mean work s", value: mean }]),
  ];
}
