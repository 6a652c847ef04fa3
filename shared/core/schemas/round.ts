// A round's document: who was invited and why, what came of it, and why it closed.
import * as z from "zod";
import { Cannot } from "./cannot.ts";
import { FederatedScore } from "./clientScore.ts";
import { ClientId, DurationMs, Instant, ModelVersion, RoundNumber, RunId } from "./ids.ts";
import { LabelShares } from "./labelCounts.ts";
import { Metrics } from "./metric.ts";
import { Participation } from "./participation.ts";
import { SignalName, Signals } from "./signals.ts";
import { RoundTeachers } from "./teachers.ts";

/**
 * training: clients are at work · aggregating: updates are being folded · closed: it made a model version ·
 * degraded: too few updates, the model was carried over · cancelled.
 */
export const RoundStatus = z.enum(["training", "aggregating", "closed", "degraded", "cancelled"]);
export type RoundStatus = z.infer<typeof RoundStatus>;

export const CloseReason = z.enum(["all-reported", "quorum", "deadline", "too-few-updates", "cancelled"]);
export type CloseReason = z.infer<typeof CloseReason>;

/** An update's name inside its run: the round it was made in, its client, and the attempt that made it. */
export const UpdateId = z.strictObject({
  round: RoundNumber,
  clientId: ClientId,
  attempt: z.number().int().min(1),
});
export type UpdateId = z.infer<typeof UpdateId>;

/** How an invocation ended, as the close of a round saw it; the roster is the fold of these. */
export const Outcome = z.strictObject({
  clientId: ClientId,
  round: RoundNumber.describe("The round of the invocation; earlier than this one for a late report."),
  result: z
    .enum(["in-time", "late", "failed", "rejected", "missed", "goes-on"])
    .describe("`goes-on`: of a buffered round, what is still to be decided by a later one."),
  trainMs: DurationMs.nullable().describe("Work without the cold start, when the client reported it."),
  coldStartMs: DurationMs.nullable(),
  epochs: z
    .number()
    .positive()
    .optional()
    .describe("Times that it went through its data, where the run sizes work."),
  busyUntilAt: Instant.nullable().describe("Until when a client that has not answered may still be at work."),
  reportedAt: Instant.nullable()
    .optional()
    .describe("When its report came; its instance idles from then on."),
  cannot: Cannot.optional().describe(
    "Why it could not do its part, where that lasts; absent where it did, or another try may do better.",
  ),
  signals: Signals.optional().describe(
    "Those of its report that the strategy reads; absent where there is none.",
  ),
  labelShares: LabelShares.optional().describe(
    "Of a relay: its client's share of each label, two hexadecimal digits each, ff being all; absent where it tells none.",
  ),
  costUsd: z
    .number()
    .min(0)
    .describe("What this round is charged for it; an upper bound while nothing was reported."),
});
export type Outcome = z.infer<typeof Outcome>;

export const ConsumedUpdate = UpdateId.extend({
  samples: z
    .number()
    .int()
    .min(1)
    .describe("What it counted for: the samples trained on, bounded by aggregation.maxSamplesRatio."),
  toldSamples: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      "What its client reported, where it counted for fewer: it stopped early, or reported far more than its peers.",
    ),
  staleness: z.number().int().min(0),
  group: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("Of a relay: the group whose last model it is a part of, and which was folded as one update."),
  weight: z
    .number()
    .describe(
      "Its share of the step, all shares summing to 1; of a relay's group, as its samples are of the group's.",
    ),
  scale: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      "What its values were multiplied by to keep to aggregation.norm, or to what norm-median allows; absent when it was not shortened.",
    ),
});
export type ConsumedUpdate = z.infer<typeof ConsumedUpdate>;

export const DroppedUpdate = UpdateId.extend({
  fate: z.enum(["rejected", "expired"]),
  reason: z.string(),
});
export type DroppedUpdate = z.infer<typeof DroppedUpdate>;

/** From 1, the fastest. */
const Tier = z.number().int().min(1);

/** An invocation of an earlier round that a buffered round waits for as well. */
const CarriedInvocation = z.strictObject({
  round: RoundNumber,
  clientId: ClientId,
  dueAt: Instant.describe("The deadline of the round that it was invited in, which is its own."),
  tier: Tier.optional().describe("Of FedAT: the tier that it is at work for."),
});
export type CarriedInvocation = z.infer<typeof CarriedInvocation>;

/** A client's place in a relay, with what its invocation says once its turn has come. */
const RelayPlace = z.strictObject({
  clientId: ClientId,
  tier: z.string().nullable(),
  reason: z.string().describe("Why the scheduler chose it."),
  localEpochs: z.number().int().min(1).optional().describe("What it trains, where the run sizes work."),
});
export type RelayPlace = z.infer<typeof RelayPlace>;

/** Groups that a round's document names at most. */
export const MAX_GROUPS = 50;

/** Clients that a strategy sees as alike, such as a cluster or a tier. */
export const CohortGroup = z
  .strictObject({
    name: z.string().min(1).max(40),
    size: z.int().min(1),
    chosen: z.int().min(0).describe("Members that are in the cohort."),
    note: z.string().max(60).optional().describe("What is special about it, in words."),
    figures: z
      .array(z.strictObject({ name: z.string().min(1).max(40), value: z.number() }))
      .max(4)
      .describe("What its members are like; units are in the names."),
  })
  .meta({ id: "CohortGroup" });
export type CohortGroup = z.infer<typeof CohortGroup>;

/** Bytes of a strategy's state at most, as UTF-8. */
export const MAX_STATE_BYTES = 16_384;

/** What a round has cost, by who did the work; in USD. */
const RoundCosts = z.strictObject({
  clientsUsd: z
    .number()
    .min(0)
    .describe("Its outcomes, the coordinator's time for claims and reports included."),
  coordinatorUsd: z.number().min(0).describe("Choosing the cohort and opening the round."),
  aggregatorUsd: z.number().min(0),
  evaluatorUsd: z.number().min(0),
  prewarmUsd: z.number().min(0),
  afterwardsUsd: z
    .number()
    .min(0)
    .describe("Calls of its clients that went on, or reported, when no round took their costs any more."),
});
export type RoundCosts = z.infer<typeof RoundCosts>;

/** Before anything was done. */
export const NO_COSTS: RoundCosts = Object.freeze({
  clientsUsd: 0,
  coordinatorUsd: 0,
  aggregatorUsd: 0,
  evaluatorUsd: 0,
  prewarmUsd: 0,
  afterwardsUsd: 0,
});

/** `runs/{runId}/rounds/{0007}`. */
export const Round = z
  .strictObject({
    runId: RunId,
    round: RoundNumber,
    status: RoundStatus,
    strategy: z.string(),
    cohort: z.array(ClientId),
    wanted: z
      .number()
      .int()
      .min(0)
      .describe("Updates that it is for; clients invited on top of them are spares."),
    carried: z
      .array(CarriedInvocation)
      .optional()
      .describe(
        "Of a buffered round: the invocations of earlier rounds that were at work, or whose updates waited, as it opened; absent where rounds are not buffered.",
      ),
    tiers: z
      .array(z.strictObject({ tier: Tier, members: z.array(ClientId).min(1) }))
      .optional()
      .describe(
        "Of FedAT: its cohort by tier, 1 being the fastest; a tier that is not here was at work as it opened, or had no free client. Absent where clients are in no tiers.",
      ),
    tier: Tier.optional().describe(
      "Of FedAT: the tier whose updates it folds, and whose version it makes; absent before it closes, and where no tier has brought any.",
    ),
    relay: z
      .strictObject({
        groups: z.array(
          z.strictObject({ members: z.array(RelayPlace).min(1).describe("In the order of their turns.") }),
        ),
      })
      .optional()
      .describe(
        "Groups within which the model goes from client to client. A member has an invocation once its turn has come. Absent where clients train beside each other.",
      ),
    teachers: RoundTeachers.optional().describe(
      "Versions of other runs that its clients learn from, with codistillation; absent where they learn from labels alone.",
    ),
    notChosen: z
      .array(z.strictObject({ clientId: ClientId, reason: z.string() }))
      .describe("Up to 200 of the clients that were considered and left out, with the reason."),
    consideredCount: z.number().int().min(0),
    groups: z
      .array(CohortGroup)
      .default([])
      .describe("What the cohort was chosen from, in the strategy's order; empty where it makes no groups."),
    selectionState: z
      .string()
      .nullable()
      .default(null)
      .describe("What the strategy keeps for the next selection, as JSON; only it reads this."),
    signals: z
      .array(SignalName)
      .default([])
      .describe(
        "The signals of its clients' reports that the strategy reads; its outcomes and the roster keep them.",
      ),
    signalsLeftOut: z
      .string()
      .max(300)
      .optional()
      .describe("Why its outcomes are without signals; absent where they are not."),
    deadlineAt: Instant,
    extended: z.boolean(),
    baseVersion: ModelVersion,
    makesVersion: ModelVersion.optional().describe(
      "The version it is to make; absent where that is baseVersion + 1.",
    ),
    newVersion: ModelVersion.nullable(),
    closeReason: CloseReason.nullable(),
    degradedReason: z
      .string()
      .max(1_000)
      .optional()
      .describe("Why its updates made no version, in words; absent where they did, and in 0.1."),
    counts: z.strictObject({
      invoked: z.number().int().min(0),
      inTime: z.number().int().min(0),
      late: z.number().int().min(0).describe("Late updates of earlier rounds folded into this one."),
      failed: z.number().int().min(0),
      rejected: z.number().int().min(0),
      missed: z.number().int().min(0),
      coldStarts: z.number().int().min(0),
    }),
    consumed: z.array(ConsumedUpdate),
    dropped: z.array(DroppedUpdate),
    outcomes: z.array(Outcome),
    inputs: z
      .array(UpdateId)
      .nullable()
      .describe("The updates being folded, fixed when the aggregation begins; null before and afterwards."),
    foldAttempts: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe(
        "Folds that began and have not reported an end; absent before the first and once it is published.",
      ),
    prewarmed: z
      .strictObject({
        clientIds: z.array(ClientId),
        costUsd: z.number().min(0).describe("As their cold starts are expected to cost."),
      })
      .optional()
      .describe("Clients called ahead of the next round while this one was folded; absent where none was."),
    accuracy: z.number().nullable(),
    loss: z.number().nullable(),
    metrics: Metrics.optional().describe(
      "All metrics of its version, accuracy and loss among them; absent where it is not scored.",
    ),
    unscoredReason: z.string().nullable().describe("Why its version has no score, in words."),
    federated: FederatedScore.optional().describe(
      "What its clients say of the version it began from, each on rows that it does not train on; absent where none does.",
    ),
    participation: Participation.optional().describe(
      "How evenly the run has invited its clients, this round included; absent in 0.1.",
    ),
    scoringBackend: z
      .string()
      .max(100)
      .optional()
      .describe("What scored its version, such as tfjs-node 2.21.0; absent where nothing did, and in 0.1."),
    eur: z.number().min(0).max(1).nullable(),
    costUsd: z.number().nullable().describe("The sum of costs; null while it is open."),
    costs: RoundCosts.default(NO_COSTS),
    timings: z.strictObject({
      trainingMs: DurationMs.nullable().describe("From opened until no more updates were awaited."),
      aggregateMs: DurationMs.nullable(),
      evaluateMs: DurationMs.nullable(),
      wallMs: DurationMs.nullable().describe("From opened until closed."),
    }),
    rosterAsOfAt: Instant.describe("Clients registered or changed up to here were considered."),
    followedUp: z.boolean().describe("Marks on invocations and roster folds are done."),
    openedAt: Instant,
    aggregatingAt: Instant.nullable(),
    closedAt: Instant.nullable(),
  })
  .meta({ id: "Round" });
export type Round = z.infer<typeof Round>;
