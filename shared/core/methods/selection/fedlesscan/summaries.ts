// The clusters of a selection in a few numbers each.
import { type ClusterSummary, MAX_CLUSTERS } from "../clusterSummary.ts";
import type { Cluster, Taken } from "./clusters.ts";

/** One summary per cluster, in their order; what exceeds the bound is summed up in the last one, as noise. */
export function summariesOf(clusters: readonly Cluster[], taken: readonly Taken[]): ClusterSummary[] {
  const chosen = new Array<number>(clusters.length).fill(0);
  for (const { cluster } of taken) chosen[cluster] = (chosen[cluster] ?? 0) + 1;
  const summaries = clusters.map(({ members, noise }, i) => ({
    size: members.length,
    chosen: chosen[i] ?? 0,
    meanPredictedMs: mean(members.map(({ predictedMs }) => predictedMs)),
    meanPenaltyMs: mean(members.map(({ penaltyMs }) => penaltyMs)),
    noise,
  }));
  if (summaries.length <= MAX_CLUSTERS) return summaries;
  const rest = summaries.slice(MAX_CLUSTERS - 1);
  return [...summaries.slice(0, MAX_CLUSTERS - 1), rest.reduce(merged)];
}

function merged(a: ClusterSummary, b: ClusterSummary): ClusterSummary {
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
