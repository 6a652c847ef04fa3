// The options of the fedlesscan strategy. The defaults of the numbers are those of the published code.
import * as z from "zod";
import { cohortOptions } from "../cohortOptions.ts";

const smoothing = z.number().gt(0).max(1);

/** Reaches that one grid tries at most: each is a look at every client that the coordinator knows. */
export const MAX_EPSILON_STEPS = 200;

const EpsilonGrid = z
  .strictObject({
    from: z
      .number()
      .positive()
      .max(100)
      .default(0.01)
      .describe("The smallest reach that is tried to make clusters, in standard deviations."),
    below: z
      .number()
      .positive()
      .max(100)
      .default(2)
      .describe("Reaches below this are tried, in standard deviations."),
    step: z
      .number()
      .min(0.001)
      .max(100)
      .default(0.1)
      .describe("From one reach to the next; at most 200 steps."),
  })
  .describe("Reaches tried by DBSCAN, in standard deviations: from, from + step, … below the bound.");
export type EpsilonGrid = z.infer<typeof EpsilonGrid>;

export const FedlesscanOptions = z.strictObject({
  strategy: z.literal("fedlesscan"),
  ...cohortOptions,
  paperFaithful: z
    .boolean()
    .default(false)
    .describe(
      "As published, flaws included: clients still at work are chosen again, cold starts are ignored, rookies go first, no deadline is extended, and histories hold 68 entries.",
    ),
  explorationShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe("Share of a cohort for rookies and clients back from a miss, once others suffice."),
  explorationRisk: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe("Share of all cohorts that may fail on their account, as expected."),
  explorationEvery: z
    .int()
    .min(1)
    .max(1_000)
    .default(5)
    .describe(
      "Rounds from one exploration of the doubtful to the next, so that few rounds wait for clients that fail.",
    ),
  idleSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(300)
    .describe("A client that was last heard of this long ago starts cold."),
  timeSmoothing: smoothing.default(0.5).describe("Weight of the newest duration in a client's average."),
  missSmoothing: smoothing.default(0.8).describe("Weight of the newest miss in a client's average."),
  missPenalty: z
    .number()
    .min(0)
    .max(1_000)
    .default(1.5)
    .describe("What a fresh miss costs, in longest durations."),
  epsilon: EpsilonGrid.prefault({}),
  minSamples: z.int().min(1).max(1_000).default(2).describe("Clients that make a cluster, at least."),
});
export type FedlesscanOptions = z.infer<typeof FedlesscanOptions>;
