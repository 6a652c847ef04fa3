// What a client and the coordinator say to each other: claim → grant, report → receipt.
import * as z from "zod";
import { MAX_TEACHERS } from "../methods/training/codistillation/face.ts";
import { TrainingOptions } from "../methods/training/options.ts";
import { encodingNames } from "../methods/update/encodings.ts";
import { UpdateTransforms } from "../methods/update/transformOptions.ts";
import { ClientScore, ScoreLeftOutCode } from "./clientScore.ts";
import { ClientStatePointer } from "./clientState.ts";
import { DataFacts } from "./dataFacts.ts";
import { InvocationFailure } from "./failure.ts";
import { ClientId, DataName, Instant, ModelVersion, RoundNumber, RunId } from "./ids.ts";
import { InvocationTimings, MAX_STARTS, TrainingFacts, UpdatePointer } from "./invocation.ts";
import { LabelCounts } from "./labelCounts.ts";
import { MetricName, Metrics } from "./metric.ts";
import { Parameter } from "./model.ts";
import { ClientCode } from "./ownCode.ts";
import { Signals } from "./signals.ts";

export const ClaimRequest = z
  .strictObject({
    runId: RunId,
    round: RoundNumber,
    clientId: ClientId,
    coldStart: z.boolean(),
    release: z
      .number()
      .int()
      .min(1)
      .max(1_000)
      .optional()
      .describe("Of the client protocol that the client knows; 1 where absent, which is that of 0.1."),
    code: ClientCode.optional(),
  })
  .meta({ id: "ClaimRequest" });
export type ClaimRequest = z.infer<typeof ClaimRequest>;

const SignedLink = z.strictObject({
  url: z.string(),
  headers: z.record(z.string(), z.string()).describe("To be sent exactly as given."),
  expiresAt: Instant,
});

/**
 * As `training` in the run's spec. Without a method it is FedProx: clients of release 0.1 know no other,
 * and refuse a key that they do not know.
 */
const GrantedTraining = z
  .codec(z.record(z.string(), z.unknown()), TrainingOptions, {
    decode: (sent) => sent as z.input<typeof TrainingOptions>,
    encode: ({ method, ...options }) => (method === "fedprox" ? options : { method, ...options }),
  })
  .describe("As `training` in the run's spec; without `method` it is `fedprox`.");

/** Everything a client may know and touch for one invocation: read one model, write one object. */
export const Grant = z
  .strictObject({
    attempt: z.number().int().min(1),
    baseVersion: ModelVersion,
    training: GrantedTraining,
    encoding: z.enum(encodingNames),
    transforms: UpdateTransforms.optional().describe("As `transforms` in the run's spec."),
    seed: z.number().int(),
    data: DataName.optional().describe(
      "Which of its data sets the client trains on; absent: its only, unnamed one.",
    ),
    parameters: z.array(Parameter),
    covers: z
      .array(
        z.strictObject({
          name: z.string().max(1_000),
          at: z.array(z.number().int().min(0)).max(16).describe("The first index on each axis."),
          shape: z.array(z.number().int().min(0)).max(16).describe("The size on each axis."),
        }),
      )
      .optional()
      .describe(
        "The parts of the parameters that the update is to have, with nothing of those not named; all of them where absent.",
      ),
    clientState: z
      .strictObject({
        previous: ClientStatePointer.extend({ link: SignedLink })
          .nullable()
          .describe("What its last counted report has left; null where there is none, or it is lost."),
        next: SignedLink.describe("Where it writes what it keeps now, before it reports."),
      })
      .optional()
      .describe("What the client keeps between its invocations; absent where it keeps nothing."),
    versionState: SignedLink.optional().describe(
      "What the aggregation keeps beside the version, for training methods that work with it; absent for others, and where it keeps nothing yet.",
    ),
    teachers: z
      .array(SignedLink)
      .min(1)
      .max(MAX_TEACHERS)
      .optional()
      .describe(
        "Versions of other runs, of the same topology and parameters, whose predictions the client learns from as its training method says; absent where it learns from labels alone.",
      ),
    relay: z
      .strictObject({
        from: z
          .array(
            z.strictObject({
              link: SignedLink,
              sizeBytes: z.number().int().min(1),
              sha256: z.string(),
            }),
          )
          .max(MAX_STARTS)
          .describe("Updates of clients before it, the newest first, each measured from `baseVersion`."),
      })
      .optional()
      .describe(
        "The client's turn in a relay: it starts from the model with the newest update of these that it can use added, or from the model itself; its own update is measured from the model all the same. Absent where it starts from the model.",
      ),
    evaluation: z
      .strictObject({
        share: z.number().min(0).max(1).describe("Of its rows, which are never trained on."),
        minSamples: z.number().int().min(1).describe("With fewer of them no score is reported."),
        metrics: z.array(MetricName).describe("What is computed beside loss and accuracy."),
        batchSize: z.number().int().min(1).describe("Samples that are scored at a time."),
      })
      .optional()
      .describe(
        "The client is to keep a validation share apart, and to score the weights it was given on it; absent where it is not.",
      ),
    labelCounts: z
      .literal(true)
      .optional()
      .describe(
        "The run asks how many of the client's samples have each label; a client whose owner does not allow it tells none, and its update counts all the same.",
      ),
    deadlineAt: Instant,
    onDeadline: z.enum(["finish-late", "submit-partial"]),
    topology: SignedLink.optional().describe(
      "Of the layers; absent in a run of parameters alone, which its clients know what to compute with.",
    ),
    model: SignedLink,
    update: SignedLink,
  })
  .meta({ id: "Grant" });
export type Grant = z.infer<typeof Grant>;

export const ReportRequest = z
  .strictObject({
    runId: RunId,
    round: RoundNumber,
    clientId: ClientId,
    attempt: z.number().int().min(1),
    sentAt: Instant,
    coldStart: z.boolean(),
    timings: InvocationTimings.omit({ reportMs: true }),
    bytesDown: z.number().int().min(0),
    bytesUp: z.number().int().min(0),
    peakRssMib: z.number().min(0),
    signals: Signals.optional().describe("For the selection strategy of the run; none where absent."),
    data: DataFacts.optional().describe("What reading the data left out; absent where nothing can be."),
    evaluation: ClientScore.optional().describe(
      "What the weights that the client was given score on its validation share; where the grant asks for it.",
    ),
    evaluationLeftOut: ScoreLeftOutCode.optional(),
    labelCounts: LabelCounts.optional().describe(
      "Samples of each label, by class number; only where the grant asks and the client's owner allows it.",
    ),
    metrics: Metrics.optional().describe("What the owner's own code reports, by name."),
    result: z.discriminatedUnion("kind", [
      z.strictObject({
        kind: z.literal("update"),
        update: UpdatePointer,
        training: TrainingFacts,
        passedOver: z
          .number()
          .int()
          .min(1)
          .max(MAX_STARTS)
          .optional()
          .describe(
            "How many updates of `relay.from` could not be used, the newest first; none where absent.",
          ),
        clientState: ClientStatePointer.optional().describe(
          "What was written by the grant's `clientState.next`; it counts if the report does.",
        ),
      }),
      z.strictObject({ kind: z.literal("failure"), failure: InvocationFailure }),
    ]),
  })
  .meta({ id: "ReportRequest" });
export type ReportRequest = z.infer<typeof ReportRequest>;

export const Receipt = z
  .strictObject({
    status: z.enum(["reported", "late", "expired", "failed", "ignored"]),
    reason: z.string().nullable(),
  })
  .meta({ id: "Receipt" });
export type Receipt = z.infer<typeof Receipt>;
