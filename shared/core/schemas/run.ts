// A run's document: one training job, where it stands, and what it has cost.

import * as z from "zod";
import { RunAnnotation } from "./annotation.ts";
import { LatestFederatedScore } from "./clientScore.ts";
import {
  ClientId,
  DurationMs,
  GroupName,
  Instant,
  MAX_REMEMBERED,
  ModelVersion,
  RoundNumber,
  RunId,
} from "./ids.ts";
import { MAX_LABELS_TOLD } from "./labelCounts.ts";
import { Metrics } from "./metric.ts";
import { ModelInfo } from "./model.ts";
import { Participation } from "./participation.ts";
import { StoredRunSpec } from "./spec.ts";

/**
 * preparing: initial weights are being made · ready: waits for a trigger or a start · running: opens rounds
 * by itself · paused: finishes the open round, opens none · completed: its stop rule was met · cancelled ·
 * failed: cannot be prepared, or the database refuses its next step for good.
 */
export const RunStatus = z.enum([
  "preparing",
  "ready",
  "running",
  "paused",
  "completed",
  "cancelled",
  "failed",
]);
export type RunStatus = z.infer<typeof RunStatus>;

const BestVersion = z.strictObject({
  version: ModelVersion,
  accuracy: z.number().nullable(),
  loss: z.number().nullable().optional().describe("0.1 did not keep it."),
  metrics: Metrics.optional().describe("All of its metrics; absent where it was scored by 0.1."),
  round: z
    .number()
    .int()
    .describe(
      "The round that made it; where its clients' scores choose it, the one in which they scored it.",
    ),
});

/** Names kept of the clients that a run waits for; the others are only counted. */
export const MAX_AWAITED = 20;

const Waiting = z
  .strictObject({
    what: z
      .enum(["clients", "score"])
      .describe(
        "clients: too few are free to open the next round; it opens once enough have reported. score: of the last versions, before the run ends.",
      ),
    clientIds: z.array(ClientId).describe(`Up to ${MAX_AWAITED} of those who are waited for, by name.`),
    count: z.number().int().min(0).describe("How many are waited for."),
    sinceAt: Instant,
    untilAt: Instant.describe("When the run looks again even if nothing is heard."),
  })
  .meta({ id: "Waiting" });
export type Waiting = z.infer<typeof Waiting>;

const SetBack = z.strictObject({
  version: ModelVersion,
  round: z.number().int().describe("The round that made it."),
  goodVersion: ModelVersion.describe("The last good version before it, from which the run went on."),
  reason: z.string(),
});

/** `runs/{runId}`. */
export const Run = z
  .strictObject({
    runId: RunId,
    spec: StoredRunSpec,
    status: RunStatus,
    statusReason: z
      .string()
      .nullable()
      .describe("Why it is completed, failed, held back or waiting, in words."),
    waiting: Waiting.nullable()
      .default(null)
      .describe("What keeps the next round from opening; while a round is open, see its document."),
    teaches: GroupName.optional().describe(
      "The group of runs whose clients get this run's versions to learn from; absent where there is none.",
    ),
    startWhenReady: z.boolean(),
    round: z.number().int().min(0).describe("The last round opened; 0 before the first."),
    openRound: z.number().int().min(1).nullable().describe("The round that is open now."),
    openRequest: z
      .strictObject({ number: z.number().int().min(0), pending: z.boolean() })
      .describe("Counts the requests to open a round, so that each has a task of its own name."),
    model: ModelInfo.nullable(),
    modelVersion: ModelVersion.nullable(),
    setBacks: z
      .array(SetBack)
      .optional()
      .describe("The last versions that no round may start from, and why; absent where there is none."),
    evaluatedVersion: ModelVersion.nullable().describe("The version that accuracy and loss belong to."),
    best: BestVersion.nullable(),
    accuracy: z
      .number()
      .nullable()
      .describe(
        "Share of labels predicted right, all classes alike. Outputs above 0.5 are 1 with binaryCrossentropy, where a sample is " +
          "right when all of its outputs are.",
      ),
    loss: z.number().nullable(),
    metrics: Metrics.optional().describe(
      "All metrics of the version in evaluatedVersion, accuracy and loss among them; absent where none is scored.",
    ),
    unscoredReason: z
      .string()
      .nullable()
      .default(null)
      .describe("Why the newest version that was to be scored has no score, in words."),
    federated: LatestFederatedScore.optional().describe(
      "The clients' scores of the last round that has any; absent where none has.",
    ),
    labelCounts: z
      .array(z.number().min(0))
      .max(MAX_LABELS_TOLD)
      .optional()
      .describe(
        "Samples of each label in the updates that made versions, as their clients told; absent where the run does not ask, and before any told.",
      ),
    stalenessCounts: z
      .array(z.number().int().min(0))
      .max(256)
      .optional()
      .describe(
        "Updates that made versions, by their staleness from 0; absent where the aggregation does not go by it.",
      ),
    tiers: z
      .array(
        z.strictObject({
          versions: z.number().int().min(0).describe("Versions that it has made."),
          round: RoundNumber.nullable().describe("The round of its last one; null where it has made none."),
        }),
      )
      .max(5)
      .optional()
      .describe(
        "Of FedAT: what each tier has made, the fastest first; absent where clients are in no tiers, and before the first version.",
      ),
    updateNorms: z
      .array(z.number().min(0))
      .max(MAX_REMEMBERED)
      .optional()
      .describe(
        "L2 norms of the last updates that made versions, the newest last; absent where the aggregation does not go by them.",
      ),
    queueWaitMs: DurationMs.optional().describe(
      "How long the next round's calls should wait for their functions, where its deadline is adaptive; absent before a round is over, and in 0.1.",
    ),
    participation: Participation.optional().describe(
      "As of the last round that opened; absent before it, and in 0.1.",
    ),
    eur: z
      .number()
      .min(0)
      .max(1)
      .nullable()
      .describe("Updates received in time / clients invoked, all rounds."),
    totals: z.strictObject({
      invoked: z.number().int(),
      inTime: z.number().int(),
      late: z.number().int(),
      failed: z.number().int().default(0),
      rejected: z.number().int().default(0),
      missed: z
        .number()
        .int()
        .default(0)
        .describe("Without a report by the close, also those that came late."),
      costUsd: z.number().describe("The sum of its rounds' and preparationUsd."),
      preparationUsd: z.number().default(0).describe("What making version 0 cost."),
      wallMs: DurationMs,
    }),
    createdBy: z.string(),
    ...RunAnnotation.shape,
    createdAt: Instant,
    startedAt: Instant.nullable(),
    endedAt: Instant.nullable(),
    swept: z.boolean().describe("It has ended, and nothing unneeded is left behind."),
    updatedAt: Instant,
  })
  .meta({ id: "Run" });
export type Run = z.infer<typeof Run>;
