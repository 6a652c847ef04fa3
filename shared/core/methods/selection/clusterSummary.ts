// A cluster of clients as a round's document and its plots keep it.
import * as z from "zod";

/** Clusters that a selection tells of at most, so that a round's document stays small. */
export const MAX_CLUSTERS = 50;

export const ClusterSummary = z.strictObject({
  size: z.int().min(1),
  chosen: z.int().min(0).describe("Members that are in the cohort."),
  meanPredictedMs: z.number().min(0).describe("Expected duration of an invocation, cold start included."),
  meanPenaltyMs: z.number().min(0).describe("What its members' misses count, as a duration."),
  noise: z.boolean().describe("Clients that are like no others, not a cluster of their own."),
});
export type ClusterSummary = z.infer<typeof ClusterSummary>;
