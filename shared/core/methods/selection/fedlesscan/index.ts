// FedLesScan: clients in clusters by how they behave, the fast and reliable first (Elzohairy, Chadha, Jindal,
// Grafberger, Gu, Gerndt & Abboud, "FedLesScan: Mitigating Stragglers in Serverless Federated Learning",
// 2022).
import { expectedColdStart } from "../coldStart.ts";
import { movingAverage } from "../movingAverage.ts";
import { ordinal } from "../ordinal.ts";
import { byClientId, splitRoster } from "../roster.ts";
import type { Consideration, RosterEntry, Select, SelectionInput, Strategy } from "../strategy.ts";
import { type Cluster, type Member, orderedClusters, startOf, type Taken, takeFrom } from "./clusters.ts";
import { type Features, featuresOf } from "./features.ts";
import { groupName, groupsOf } from "./groups.ts";
import type { FedlesscanOptions } from "./options.ts";
import { type Places, sharePlaces } from "./places.ts";
import { doubtfulStanding, knownStanding, plural, rookieStanding, stragglerStanding } from "./reasons.ts";
import { FedlesscanState } from "./state.ts";
import { tierOf } from "./tiers.ts";

/**
 * Rookies are explored, participants taken from clusters, stragglers left alone while others are free. The
 * published code with `paperFaithful`; otherwise without its flaws, as each file beside this one says. O(n
 * log n).
 */
const select: Select<FedlesscanOptions, FedlesscanState> = (input, random) => {
  const { round, options } = input;
  const { free, busy } = splitRoster(options.paperFaithful ? withoutBusyness(input) : input);
  const size = Math.min(input.cohortSize, free.length);
  const places = sharePlaces(free, round, size, options, input.lateAfterMs ?? Infinity, random);
  const features = featuresOf(places.known, round, input.nowMs, options);
  const members = places.known.map((client, i): Member => ({ client, ...(features[i] as Features) }));
  const since = input.state?.clusteringSince ?? (places.knownCount > 0 ? round : null);
  const clusters = places.knownCount > 0 ? orderedClusters(members, options) : [];
  const progress = { round, since: since ?? round, totalRounds: input.totalRounds ?? Infinity };
  const start = startOf(clusters, progress, options.paperFaithful);
  const taken = takeFrom(clusters, start, places.knownCount, options.paperFaithful);
  const why = whyOf(input, places, members, clusters, taken);
  const considered = [...free.map(why), ...busy].sort(byClientId);
  return {
    cohort: considered.flatMap(({ clientId, chosen }) => (chosen ? [clientId] : [])),
    considered,
    groups: groupsOf(clusters, taken),
    state: since === null ? null : { clusteringSince: since },
  };
};

export const behaviour: Strategy<FedlesscanOptions, FedlesscanState> = { state: FedlesscanState, select };

/** The published code knows no busy clients: one still at work may be chosen again. */
function withoutBusyness(input: SelectionInput<FedlesscanOptions>): SelectionInput<FedlesscanOptions> {
  return { ...input, clients: input.clients.map((client) => ({ ...client, busyUntilMs: null })) };
}

/** The reason, for each free client, why it was chosen or not. */
function whyOf(
  { round, nowMs, options }: SelectionInput<FedlesscanOptions>,
  places: Places,
  members: readonly Member[],
  clusters: readonly Cluster[],
  taken: readonly Taken[],
): (client: RosterEntry) => Consideration {
  const order = [...taken.map(({ member }) => member.client), ...places.explored, ...places.recalled];
  const rankById = new Map(order.map(({ clientId }, i) => [clientId, i + 1]));
  const memberById = new Map(members.map((member) => [member.client.clientId, member]));
  const placeOfMember = new Map(
    clusters.flatMap((cluster, i) => cluster.members.map((member) => [member, i] as const)),
  );
  const reached = new Set(taken.map(({ cluster }) => cluster));
  const slowestMs = members.reduce((most, { predictedMs }) => Math.max(most, predictedMs), 0);
  const coldStartMs = expectedColdStart(places.known, nowMs, options);
  /**
   * A new client is assumed to be no slower than the slowest known one; the published code assumes nothing.
   */
  const prediction = (client: RosterEntry, averageMs: number): { readonly predictedMs?: number } =>
    options.paperFaithful || slowestMs === 0
      ? {}
      : { predictedMs: (averageMs === 0 ? slowestMs : averageMs) + coldStartMs(client) };
  /** The same words for the same standing: there may be a million rookies. */
  const passedOver = remembered(
    (standing: string) =>
      `${standing}: ${places.explored.length} of ${plural(places.explorable, "unproven client")} were due before it`,
  );

  return (client) => {
    const { clientId } = client;
    const rank = rankById.get(clientId) ?? null;
    const tier = tierOf(client, round);
    if (tier === "rookie" && rank === null) {
      return { clientId, chosen: false, tier, reason: passedOver(rookieStanding(client)), rank };
    }
    const verdict = (otherwise: string): string =>
      rank === null ? otherwise : `taken ${ordinal(rank)} of ${order.length}`;
    const because = (reason: string) => ({ clientId, chosen: rank !== null, tier, reason, rank });

    const member = memberById.get(clientId);
    if (member !== undefined) {
      const place = placeOfMember.get(member);
      const where = place === undefined ? null : placeOf(clusters[place] as Cluster, place, clusters.length);
      const reason =
        place === undefined
          ? "rookies filled the cohort"
          : reached.has(place)
            ? "others of its cluster were due before it"
            : "the cohort was full before its turn";
      return {
        ...because(`${knownStanding(member, where)}: ${verdict(reason)}`),
        predictedMs: member.predictedMs,
        ...(place === undefined ? {} : { group: groupName(place, clusters.length) }),
      };
    }
    if (tier === "straggler") {
      const recalled = rank === null ? "" : `: too few others are free, ${verdict("")}`;
      return because(`${stragglerStanding(client, round)}${recalled}`);
    }
    const averageMs = movingAverage(client.trainMsHistory, options.timeSmoothing);
    const standing = tier === "rookie" ? rookieStanding(client) : doubtfulStanding(client, averageMs);
    return rank === null
      ? because(passedOver(standing))
      : { ...because(`${standing}: ${verdict("")}`), ...prediction(client, averageMs) };
  };
}

/** Builds each text once. */
function remembered(build: (key: string) => string): (key: string) => string {
  const built = new Map<string, string>();
  return (key) => {
    const known = built.get(key) ?? build(key);
    built.set(key, known);
    return known;
  };
}

function placeOf(cluster: Cluster, index: number, count: number): string {
  return `${cluster.noise ? "noise, place" : "cluster"} ${index + 1} of ${count}`;
}
