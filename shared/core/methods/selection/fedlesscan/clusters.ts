// Clusters of participants in order: fast and reliable first, each asked in turn from a start that drifts to
// the slow.
import { NOISE } from "../../../clustering/dbscan.ts";
import type { RosterEntry } from "../strategy.ts";
import { searchEpsilon } from "./epsilonSearch.ts";
import type { Features } from "./features.ts";
import type { FedlesscanOptions } from "./options.ts";

export interface Member extends Features {
  readonly client: RosterEntry;
}

export interface Cluster {
  readonly members: readonly Member[];
  /** The mean of its members' predicted duration and penalty together. */
  readonly meanMs: number;
  /** Made of clients that are like no others. */
  readonly noise: boolean;
}

/**
 * The clusters by ascending mean. As published all noise is one cluster; otherwise each noise point is one of
 * its own, since what lies on both sides of everyone has no mean worth ordering by.
 */
export function orderedClusters(members: readonly Member[], options: FedlesscanOptions): readonly Cluster[] {
  const { labels, eps } = searchEpsilon(
    Float64Array.from(members, ({ predictedMs }) => predictedMs),
    Float64Array.from(members, ({ penaltyMs }) => penaltyMs),
    options.epsilon,
    options.minSamples,
  );
  // Without a reach that separates clients, all are in one cluster.
  const noiseAlone = eps !== null && !options.paperFaithful;
  const groups = new Map<number, Member[]>();
  const alone: Member[][] = [];
  members.forEach((member, i) => {
    const label = labels[i] as number;
    const group = groups.get(label);
    if (label === NOISE && noiseAlone) alone.push([member]);
    else if (group === undefined) groups.set(label, [member]);
    else group.push(member);
  });
  return [
    ...[...groups].map(([label, group]) => clusterOf(group, label === NOISE && eps !== null)),
    ...alone.map((group) => clusterOf(group, true)),
  ].sort((a, b) => a.meanMs - b.meanMs);
}

function clusterOf(members: readonly Member[], noise: boolean): Cluster {
  const sumMs = members.reduce((sum, { predictedMs, penaltyMs }) => sum + predictedMs + penaltyMs, 0);
  return { members, meanMs: sumMs / members.length, noise };
}

export interface Progress {
  readonly round: number;
  /** The first round of the run that took clients from clusters. */
  readonly since: number;
  /** Rounds that the run is to have. */
  readonly totalRounds: number;
}

/**
 * The cluster to begin with: the fastest at first, then slower ones as the run goes on; never the slowest (of
 * several), which only the walk reaches. As published each has an equal share of the run, however few its
 * members. Otherwise its share is that of its members, and noise is not begun with unless there is nothing
 * else.
 */
export function startOf(clusters: readonly Cluster[], progress: Progress, paperFaithful: boolean): number {
  const { round, since, totalRounds } = progress;
  const done = Math.max(0, round - since);
  const all = Math.max(totalRounds - since, done) + 1;
  if (paperFaithful) {
    // In this order numpy's percentile computes it, rounding included.
    return Math.max(0, Math.floor((clusters.length - 1) * ((100 * done) / all / 100)));
  }
  const starts = clusters.flatMap(({ noise, members }, i) => (noise ? [] : [{ i, size: members.length }]));
  const faster = starts.slice(0, -1);
  let left = (done / all) * faster.reduce((sum, { size }) => sum + size, 0);
  const start = faster.find(({ size }) => {
    left -= size;
    return left < 0;
  });
  return (start ?? starts[0])?.i ?? 0;
}

export interface Taken {
  readonly member: Member;
  readonly cluster: number;
}

/**
 * Takes `count` members, walking the clusters cyclically from `start`: each whole while it fits, of the last
 * those invoked least often. Ties go to the faster, or as published, to the first by name.
 */
export function takeFrom(
  clusters: readonly Cluster[],
  start: number,
  count: number,
  paperFaithful: boolean,
): readonly Taken[] {
  const taken: Taken[] = [];
  for (let step = 0; step < clusters.length && taken.length < count; step++) {
    const cluster = (start + step) % clusters.length;
    const { members } = clusters[cluster] as Cluster;
    const wanted = count - taken.length;
    const line = leastInvoked(members, wanted).toSorted(
      (a, b) =>
        a.client.invocations - b.client.invocations || (paperFaithful ? 0 : a.predictedMs - b.predictedMs),
    );
    for (const member of line.slice(0, wanted)) taken.push({ member, cluster });
  }
  return taken;
}

/** The `count` least invoked members and those tied with the last: fewer to sort than all. */
function leastInvoked(members: readonly Member[], count: number): readonly Member[] {
  const most = Float64Array.from(members, ({ client }) => client.invocations).sort()[count - 1];
  return most === undefined ? members : members.filter(({ client }) => client.invocations <= most);
}
