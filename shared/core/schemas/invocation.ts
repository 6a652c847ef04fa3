// An invocation's document: one client in one round, from the reason it was chosen to what its update was
// worth.
import * as z from "zod";
import { MAX_TEACHERS } from "../methods/training/codistillation/face.ts";
import { Capacity } from "./client.ts";
import { ClientScore } from "./clientScore.ts";
import { DataFacts } from "./dataFacts.ts";
import { InvocationFailure } from "./failure.ts";
import {
  ClientId,
  DurationMs,
  Instant,
  ModelVersion,
  RoundNumber,
  RunId,
  ServiceAccountEmail,
} from "./ids.ts";
import { LabelCounts } from "./labelCounts.ts";
import { Metrics } from "./metric.ts";
import { ClientCode } from "./ownCode.ts";
import { Signals } from "./signals.ts";

/**
 * invoked: its task is queued · training: it has claimed · reported: its update is in, in time · late: its
 * update came after the close and waits · consumed: its update is in a model version · rejected: its update
 * was bad · expired: its late update is too old · failed: the client said so · missed: nothing by the close
 * (it may still report, late) · cancelled.
 */
export const InvocationStatus = z.enum([
  "invoked",
  "training",
  "reported",
  "late",
  "consumed",
  "rejected",
  "expired",
  "failed",
  "missed",
  "cancelled",
]);
export type InvocationStatus = z.infer<typeof InvocationStatus>;

/** What a client reports about its own time: 30 days at most, so that sums of it stay numbers. */
const ReportedMs = DurationMs.max(2_592_000_000);

/** Where an invocation's time went, in milliseconds, as the client measured it. */
export const InvocationTimings = z
  .strictObject({
    queueWaitMs: ReportedMs.describe("Due until the request reached an instance, without its cold start."),
    coldStartMs: ReportedMs.describe(
      "Process start until first request, and loading TensorFlow; 0 when warm.",
    ),
    claimMs: ReportedMs,
    downloadMs: ReportedMs,
    dataMs: ReportedMs,
    evaluateMs: ReportedMs.optional().describe(
      "Keeping the validation share apart and scoring on it; absent where the run does not ask for it.",
    ),
    trainMs: ReportedMs,
    uploadMs: ReportedMs,
    reportMs: DurationMs.describe("Sent until the coordinator had it."),
  })
  .meta({ id: "InvocationTimings" });
export type InvocationTimings = z.infer<typeof InvocationTimings>;

/** What a client reports about a finished training. */
export const TrainingFacts = z
  .strictObject({
    samples: z.number().int().min(1).max(1e12),
    steps: z.number().int().min(0),
    partial: z.boolean().describe("It stopped at the deadline with the steps done so far."),
    lossBefore: z.number().nullable(),
    lossAfter: z.number().nullable(),
    backend: z.string().max(100),
    withoutTeachers: z
      .number()
      .int()
      .min(1)
      .max(MAX_TEACHERS)
      .optional()
      .describe("How many of the grant's `teachers` it could not use; none where absent."),
    eagerReason: z
      .string()
      .max(300)
      .optional()
      .describe(
        "Why its steps ran one operation after the other, which takes longer; absent where they ran as one graph, or the backend knows none.",
      ),
  })
  .meta({ id: "TrainingFacts" });
export type TrainingFacts = z.infer<typeof TrainingFacts>;

/** Points at the uploaded object. It counts only from here on. */
export const UpdatePointer = z
  .strictObject({
    attempt: z.number().int().min(1),
    sizeBytes: z.number().int().min(1),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, "use 64 lower-case hexadecimal digits"),
  })
  .meta({ id: "UpdatePointer" });
export type UpdatePointer = z.infer<typeof UpdatePointer>;

/** An update that a later member of its group may start from. */
const RelayStart = z.strictObject({
  clientId: ClientId,
  attempt: z.number().int().min(1),
  sizeBytes: z.number().int().min(1),
  sha256: z.string(),
});
export type RelayStart = z.infer<typeof RelayStart>;

/** Updates that a member of a relay is handed: one that cannot be used costs its own client's work alone. */
export const MAX_STARTS = 2;

/** `runs/{runId}/rounds/{0007}/invocations/{clientId}`. */
export const Invocation = z
  .strictObject({
    runId: RunId,
    round: RoundNumber,
    clientId: ClientId,
    status: InvocationStatus,
    url: z.string(),
    serviceAccount: ServiceAccountEmail,
    capacity: Capacity,
    maxSamples: z
      .number()
      .int()
      .min(1)
      .nullable()
      .describe("What its client's data card says; an update counts for no more."),
    tier: z.string().nullable(),
    reason: z.string().describe("Why the scheduler chose it."),
    work: z
      .strictObject({ localEpochs: z.number().int().min(1), batchSize: z.number().int().min(1) })
      .optional()
      .describe("How much it is to train, where the run sizes work; as the spec says where absent."),
    relay: z
      .strictObject({
        group: z.number().int().min(1),
        hop: z.number().int().min(1).describe("Its place in the group."),
        from: z
          .array(RelayStart)
          .max(MAX_STARTS)
          .describe(
            "Updates of its group that it may start from, the newest first; with none of them it starts from the base version.",
          ),
        passedOver: z
          .number()
          .int()
          .min(1)
          .max(MAX_STARTS)
          .optional()
          .describe("How many of them its client could not use, the newest first; absent where none."),
        dueAt: Instant.describe("When the model is passed on without it."),
        skippedAt: Instant.optional().describe("When it was; absent where it was not."),
      })
      .optional()
      .describe("Its turn in a relay; absent where clients train beside each other."),
    baseVersion: ModelVersion,
    attempt: z.number().int().min(0).describe("Claims so far; each has an object name of its own."),
    coldStart: z.boolean().nullable(),
    update: UpdatePointer.nullable(),
    updateGeneration: z
      .string()
      .nullable()
      .default(null)
      .describe("Which write of the update's object was reported; the only one that is ever folded."),
    training: TrainingFacts.nullable(),
    signals: Signals.optional().describe(
      "What its report brought for the selection strategy; absent where nothing.",
    ),
    labelCounts: LabelCounts.optional().describe(
      "Samples of each label that its client has, by class number, where the run asks and its owner allows it; else absent.",
    ),
    data: DataFacts.optional().describe(
      "How many rows its client read, and how many it left out for which reason; absent where it did not say.",
    ),
    evaluation: ClientScore.optional().describe(
      "What its base version scored on its client's validation share; absent where there is no such score.",
    ),
    evaluationLeftOut: z
      .string()
      .max(300)
      .optional()
      .describe(
        "Why there is none although the run asks for it; absent where it does not, and before the report.",
      ),
    code: ClientCode.optional(),
    metrics: Metrics.optional().describe(
      "What the owner's own code has reported, by name; absent where nothing.",
    ),
    timings: InvocationTimings.nullable(),
    bytesDown: z.number().int().min(0).nullable(),
    bytesUp: z.number().int().min(0).nullable(),
    peakRssMib: z.number().min(0).nullable(),
    costUsd: z
      .number()
      .min(0)
      .nullable()
      .describe("Its function's time in all attempts, and the coordinator's for its claims and report."),
    spentUsd: z
      .number()
      .min(0)
      .default(0)
      .describe("Of that, what claims and the attempts before the last one can have cost at most."),
    costEstimated: z.boolean().describe("True where nothing was reported and the cost is an upper bound."),
    chargedUsd: z.number().min(0).describe("What rounds have been charged for it already."),
    staleness: z.number().int().min(0).nullable(),
    weight: z.number().nullable().describe("Its share of the step it was consumed in."),
    consumedInRound: RoundNumber.nullable(),
    failure: InvocationFailure.nullable(),
    invokedAt: Instant,
    claimedAt: Instant.nullable(),
    reportedAt: Instant.nullable(),
    endedAt: Instant.nullable()
      .default(null)
      .describe("When its call was seen to be over without a report: the queue had given it up."),
    callUntilAt: Instant.nullable()
      .default(null)
      .describe(
        "Until when the call that was on its way as the round closed, and was not claimed, may hold its function.",
      ),
    refusedAt: Instant.nullable()
      .default(null)
      .describe("When its first claim came after the round had closed: the client is free again."),
    updatedAt: Instant,
    deleteAt: Instant.describe("When Firestore's time-to-live removes it."),
  })
  .meta({ id: "Invocation" });
export type Invocation = z.infer<typeof Invocation>;
