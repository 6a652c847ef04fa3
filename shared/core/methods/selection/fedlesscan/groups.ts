// The clusters of a selection as its round records them: a few numbers each.
import { type CohortGroup, MAX_GROUPS } from "../../../schemas/round.ts";
import type { Cluster, Taken } from "./clusters.ts";

/** A cluster in numbers; the means are over its members. */
export interface ClusterFigures {
  readonly size: number;
  readonly chosen: number;
  readonly meanPredictedMs: number;
  readonly meanPenaltyMs: number;
  readonly noise: boolean;
}

/** The name of a cluster's group. @param place of the cluster, from 0, the fastest first. */
export function groupName(place: number, count: number): string {
  const isSummed = count > MAX_GROUPS && place >= MAX_GROUPS - 1;
  return isSummed ? `clusters ${MAX_GROUPS} to ${count}` : `cluster ${place + 1}`;
}

/** A group of each cluster, in their order; what exceeds the bound is summed up in the last one. */
export function groupsOf(clusters: readonly Cluster[], taken: readonly Taken[]): CohortGroup[] {
  const chosen = new Array<number>(clusters.length).fill(0);
  for (const { cluster } of taken) chosen[cluster] = (chosen[cluster] ?? 0) + 1;
  const all = clusters.map(({ members, noise }, i) => ({
    size: members.length,
    chosen: chosen[i] ?? 0,
    meanPredictedMs: mean(members.map(({ predictedMs }) => predictedMs)),
    meanPenaltyMs: mean(members.map(({ penaltyMs }) => penaltyMs)),
    noise,
  }));
  const few = all.slice(0, MAX_GROUPS - 1);
  const rest = all.slice(MAX_GROUPS - 1);
  const shown = rest.length === 0 ? few : [...few, rest.reduce(merged)];
  return shown.map((cluster, i) => groupOf(groupName(i, all.length), cluster));
}

export function groupOf(name: string, { size, chosen, noise, ...means }: ClusterFigures): CohortGroup {
  return {
    name,
    size,
    chosen,
    ...(noise ? { note: "like no others" } : {}),
    figures: [
      { name: "meanPredictedMs", value: means.meanPredictedMs },
      { name: "meanPenaltyMs", value: means.meanPenaltyMs },
    ],
  };
}

function merged(a: ClusterFigures, b: ClusterFigures): ClusterFigures {
  const size = a.size + b.size;
  const weighted = (ofA: number, ofB: number): number => (ofA * a.size + ofB * b.size) / size;
  return {
    size,
    chosen: a.chosen + b.chosen,
    meanPredictedMs: weighted(a.meanPredictedMs, b.meanPredictedMs),
    meanPenaltyMs: weighted(a.meanPenaltyMs, b.meanPenaltyMs),
    noise: true,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
