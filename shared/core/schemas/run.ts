// A run's document: one training job, where it stands, and what it has cost.
import * as z from "zod";
import { DurationMs, Instant, ModelVersion, RunId } from "./ids.ts";
import { ModelInfo } from "./model.ts";
import { StoredRunSpec } from "./spec.ts";

/**
 * preparing: initial weights are being made · ready: waits for a trigger or a start · running: opens rounds by itself ·
 * paused: finishes the open round, opens none · completed: its stop rule was met · cancelled · failed: cannot be
 * prepared, or the database refuses its next step for good.
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
  accuracy: z.number(),
  round: z.number().int(),
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
    startWhenReady: z.boolean(),
    round: z.number().int().min(0).describe("The last round opened; 0 before the first."),
    openRound: z.number().int().min(1).nullable().describe("The round that is open now."),
    openRequest: z
      .strictObject({ number: z.number().int().min(0), pending: z.boolean() })
      .describe("Counts the requests to open a round, so that each has a task of its own name."),
    model: ModelInfo.nullable(),
    modelVersion: ModelVersion.nullable(),
    evaluatedVersion: ModelVersion.nullable().describe("The version that accuracy and loss belong to."),
    best: BestVersion.nullable(),
    accuracy: z.number().nullable(),
    loss: z.number().nullable(),
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
      costUsd: z.number(),
      wallMs: DurationMs,
    }),
    createdBy: z.string(),
    createdAt: Instant,
    startedAt: Instant.nullable(),
    endedAt: Instant.nullable(),
    swept: z.boolean().describe("It has ended, and left nothing behind that nobody needs."),
    updatedAt: Instant,
  })
  .meta({ id: "Run" });
export type Run = z.infer<typeof Run>;
