// A run's rounds as columns, a hundred to a block: what charts draw, in a small part of the bytes of their
// documents.
import * as z from "zod";
import { ClientId, MAX_ROUND, RoundNumber, RunId, SERIES_ROUNDS } from "./ids.ts";
import { MetricName } from "./metric.ts";
import { CloseReason, Outcome, RoundStatus } from "./round.ts";

/** Blocks count from 0. */
export const SeriesBlock = z
  .number()
  .int()
  .min(0)
  .max(Math.ceil(MAX_ROUND / SERIES_ROUNDS) - 1);

const column = <T>(item: z.ZodType<T>) => z.array(item);
/** Null where the round has none. */
const numbers = () => column(z.number().nullable());
const counts = () => column(z.number().int().min(0));
const byName = () => z.record(MetricName, numbers());

const RoundColumns = z.strictObject({
  round: column(RoundNumber).describe("Ascending; one whose document is damaged is left out."),
  status: column(RoundStatus),
  closeReason: column(CloseReason.nullable()),
  newVersion: column(z.number().int().nullable()),
  openedAtMs: column(z.number().int()).describe("Ms since 1970."),
  deadlineMs: column(z.number().min(0)).describe("From opened until the deadline."),
  extended: column(z.boolean()),
  accuracy: numbers(),
  loss: numbers(),
  metrics: byName().describe("All others by name."),
  federated: byName().describe("The clients' means by name, of the version that the round began from."),
  eur: numbers(),
  participation: numbers().describe("How evenly the run has invited its clients up to then: Jain's index."),
  invoked: counts(),
  inTime: counts(),
  late: counts(),
  failed: counts(),
  rejected: counts(),
  missed: counts(),
  coldStarts: counts(),
  costUsd: numbers(),
  clientsUsd: numbers(),
  coordinatorUsd: numbers(),
  aggregatorUsd: numbers(),
  evaluatorUsd: numbers(),
  prewarmUsd: numbers(),
  afterwardsUsd: numbers(),
  trainingMs: numbers(),
  aggregateMs: numbers(),
  evaluateMs: numbers(),
  wallMs: numbers(),
});

/** How an invocation may have ended; columns have the places in this list. */
export const RESULTS = Outcome.shape.result.options;

const OutcomeColumns = z.strictObject({
  clients: z.array(ClientId).describe("Every client of the block, once."),
  results: z.array(Outcome.shape.result).describe("What the numbers in `result` stand for."),
  perRound: counts().describe(
    "How many outcomes each round has: the columns below have them round after round.",
  ),
  client: counts().describe("Places in `clients`, from 0."),
  result: counts().describe("Places in `results`, from 0."),
  trainMs: numbers(),
  coldStartMs: numbers().describe("Null where it was warm, or is not known."),
  costMicroUsd: column(z.number().min(0)).describe("Millionths of a US dollar."),
  lateAt: counts().describe("Places of the outcomes whose invocation is of an earlier round."),
  lateRound: column(RoundNumber).describe("And the round of each."),
});
export type OutcomeColumns = z.infer<typeof OutcomeColumns>;

/** A block. All columns of a table are of one length. Measures have six digits, costs four; documents have all of them. */
export const Series = z
  .strictObject({
    runId: RunId,
    block: SeriesBlock.describe("0 has the rounds 1 to 100."),
    final: z
      .boolean()
      .describe(
        "Whether it is as it stays. Then calls that are found later to have cost something are in the run's totals alone.",
      ),
    rounds: RoundColumns,
    outcomes: OutcomeColumns.optional().describe("Absent where they are not asked for."),
  })
  .meta({ id: "Series" });
export type Series = z.infer<typeof Series>;
