// A check of a client before a round needs it: what was asked, what the client found out, and what is wrong.
import * as z from "zod";
import { Capacity } from "./client.ts";
import { DataFacts } from "./dataFacts.ts";
import { InvocationFailure } from "./failure.ts";
import { ClientId, DataName, DurationMs, Instant, RunId, ServiceAccountEmail } from "./ids.ts";
import { Metrics } from "./metric.ts";
import { ClientCode } from "./ownCode.ts";

/** Checks of a client that its document keeps; the oldest go first. */
export const MAX_CHECKS = 10;

/** Problems that one check tells. */
const MAX_PROBLEMS = 8;

/** A checked client's document is kept for so long after its last check. */
export const CHECKS_TTL_MS = 90 * 86_400_000;

const Size = z.number().int().min(0).max(1e12);
const Shape = z.array(Size).max(16).describe("Of one sample, without the number of samples.");

/** What a client found out about itself. Counts, sizes and times: never a value of its data. */
export const CheckFacts = z
  .strictObject({
    release: z.number().int().min(1).max(1_000).describe("Of the client protocol that it knows."),
    coldStart: z.boolean(),
    coldStartMs: DurationMs.max(2_592_000_000).describe(
      "Process start until first request, and loading its trainer; 0 when warm.",
    ),
    backend: z
      .string()
      .max(100)
      .nullable()
      .describe("What trains, such as tfjs-node 2.21.0; null where it does not load."),
    memoryMib: Size.nullable().describe("As its function knows it."),
    peakRssMib: z.number().min(0).max(1e9).describe("Of its process since that began."),
    code: ClientCode.optional(),
    metrics: Metrics.optional().describe("What the owner's own code has reported; absent where nothing."),
    dataMs: DurationMs.max(2_592_000_000)
      .nullable()
      .describe("Reading the data; null where they cannot be read."),
    samples: Size.nullable(),
    isStream: z
      .boolean()
      .nullable()
      .describe("Whether the data do not fit into memory, and are read again in each epoch."),
    inputShape: Shape.nullable(),
    targetShape: Shape.nullable(),
    classes: Size.nullable().describe(
      "Different labels, where they are class numbers or one-hot; null where they are not, or were not counted.",
    ),
    rows: DataFacts.nullable().describe(
      "What reading the data left out, by reason; null where nothing can be.",
    ),
    steps: z
      .number()
      .int()
      .min(0)
      .max(1_000)
      .describe("Training steps that were made on the run's model; 0 without a run."),
    stepMs: DurationMs.max(2_592_000_000)
      .nullable()
      .describe("Of one of them, the first ones apart where there are others; null without any."),
    warmUpMs: DurationMs.max(2_592_000_000)
      .nullable()
      .default(null)
      .describe(
        "How much longer the first steps took than as many of the others: what is compiled and recorded once in a process; null where it was not measured.",
      ),
  })
  .meta({ id: "CheckFacts" });
export type CheckFacts = z.infer<typeof CheckFacts>;

/**
 * asked: its call is queued · running: the client has claimed it · passed · failed: it has problems ·
 * unanswered: nothing was heard, or no report after the claim.
 */
const CheckStatus = z.enum(["asked", "running", "passed", "failed", "unanswered"]);

export const Check = z
  .strictObject({
    clientId: ClientId,
    number: z.number().int().min(1).describe("Counts the client's checks."),
    status: CheckStatus,
    runId: RunId.nullable().describe("Whose model it is to train a few steps of; null: none."),
    data: DataName.nullable().describe("Which of its data sets; null: its only, unnamed one."),
    url: z.string(),
    serviceAccount: ServiceAccountEmail,
    capacity: Capacity,
    problems: z
      .array(InvocationFailure)
      .max(MAX_PROBLEMS)
      .describe("All that is wrong, in words; empty where nothing is."),
    facts: CheckFacts.nullable().describe("What the client found out; null before its report."),
    attempts: z.number().int().min(0).describe("Claims so far."),
    seen: z
      .string()
      .max(300)
      .nullable()
      .describe("How its last call ended, as the queue saw it; null where none was seen to end."),
    otherAccount: z
      .string()
      .max(320)
      .nullable()
      .describe("An account that was not the client's and tried to claim it."),
    askedBy: z.string(),
    askedAt: Instant,
    untilAt: Instant.describe("No longer is an answer waited for."),
    claimedAt: Instant.nullable(),
    endedAt: Instant.nullable(),
  })
  .meta({ id: "Check" });
export type Check = z.infer<typeof Check>;

/** `checks/{clientId}`: the last checks of a client. */
export const ClientChecks = z.strictObject({
  clientId: ClientId,
  checks: z.array(Check).max(MAX_CHECKS).describe("Newest first; at most the first is not over."),
  deleteAt: Instant.describe("When Firestore's time-to-live removes them."),
});
export type ClientChecks = z.infer<typeof ClientChecks>;
