// Federated evaluation: what clients report of the version they were given, on data that they do not train
// on, and what a round makes of it.
import * as z from "zod";
import { ModelVersion, RoundNumber } from "./ids.ts";
import { MAX_METRICS, MetricName, Metrics } from "./metric.ts";

/** Bounds of a share of validation rows. */
const [LEAST_SHARE, LARGEST_SHARE] = [0.01, 0.5];

export const FederatedEvaluationSpec = z
  .strictObject({
    share: z
      .number()
      .min(LEAST_SHARE)
      .max(LARGEST_SHARE)
      .default(0.1)
      .describe("Share of its rows that each client never trains on, and scores the incoming version on."),
    minSamples: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(5)
      .describe(
        "With fewer validation rows a client trains and reports no score: it would say little of the model and much of its rows.",
      ),
  })
  .meta({ id: "FederatedEvaluationSpec" });

/** Numbers of a score are within ± this, so that sums of them stay numbers. */
export const LARGEST_SCORE = 1e30;

/** As a client reports it. */
export const ClientScore = z
  .strictObject({
    version: ModelVersion.describe("What was scored, before any training: the grant's `baseVersion`."),
    samples: z.number().int().min(1).max(1e12).describe("Validation samples, none of which was trained on."),
    metrics: Metrics.refine(
      (metrics) => Object.values(metrics).every((value) => Math.abs(value) <= LARGEST_SCORE),
      `use numbers within ± ${LARGEST_SCORE}`,
    ),
  })
  .meta({ id: "ClientScore" });
export type ClientScore = z.infer<typeof ClientScore>;

/** Why a client that was asked for a score reports none. */
export const SCORE_LEFT_OUT = {
  "too-few-rows": "it has fewer than two rows: there is nothing to keep apart",
  "rows-alike": "all of its rows are alike: there is nothing to keep apart",
  "too-few-samples": "its validation share has fewer rows than evaluation.federated.minSamples",
  "no-time": "scoring would have taken too much of the time before the deadline",
  "not-finite": "the version's outputs on its data are not numbers",
  "no-topology": "the run has no topology, and the client's own trainer reported no metric",
  failed: "scoring failed: its own log says why",
} as const;
export type ScoreLeftOut = keyof typeof SCORE_LEFT_OUT;

export const ScoreLeftOutCode = z
  .string()
  .regex(/^[a-z-]{1,40}$/)
  .describe(
    `Why there is no \`evaluation\` although the grant asks for one: ${Object.keys(SCORE_LEFT_OUT).join(", ")}.`,
  );

/** One metric over the clients that reported it. */
const FederatedMetric = z.strictObject({
  mean: z
    .number()
    .describe(
      "Weighted by validation samples, each client's within aggregation.maxSamplesRatio times the median.",
    ),
  worstDecile: z
    .number()
    .optional()
    .describe(
      "The mean over the tenth of clients (one at least) that it is worst for, each counted alike; absent where it is not known whether more or less is better.",
    ),
  spread: z
    .number()
    .min(0)
    .describe("The weighted standard deviation between clients, with the weights of the mean."),
  clients: z.number().int().min(1).describe("Clients that reported it."),
});
export type FederatedMetric = z.infer<typeof FederatedMetric>;

/** Of one version by the clients of one round. */
export const FederatedScore = z
  .strictObject({
    version: ModelVersion.describe(
      "What the clients were given, and scored before they trained: the round's base version.",
    ),
    clients: z.number().int().min(1).describe("Clients that reported a score in time."),
    samples: z.number().int().min(1).describe("Their validation samples together."),
    metrics: z
      .record(MetricName, FederatedMetric)
      .refine((metrics) => Object.keys(metrics).length <= MAX_METRICS, `at most ${MAX_METRICS} metrics`),
  })
  .meta({ id: "FederatedScore" });
export type FederatedScore = z.infer<typeof FederatedScore>;

/** The newest of a run, with the round whose clients made it. */
export const LatestFederatedScore = FederatedScore.extend({ round: RoundNumber }).meta({
  id: "LatestFederatedScore",
});
export type LatestFederatedScore = z.infer<typeof LatestFederatedScore>;
