// A round and a run at one moment, as the demo shows them and as its report keeps them.
import * as z from "zod";
import type { RoundFigures } from "../../../shared/core/schemas/figures.ts";
import { MAX_ROUND } from "../../../shared/core/schemas/ids.ts";
import type { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { CloseReason, RoundStatus } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";

const Count = z.number().int().min(0);

export const RoundSnapshot = z.strictObject({
  round: z.number().int().min(1).max(MAX_ROUND),
  status: RoundStatus,
  invoked: Count.describe("Clients of the cohort."),
  training: Count.describe("Clients that have claimed and not answered; 0 once the round is closed."),
  reported: Count.describe("Updates received in time."),
  late: Count.describe("Updates of earlier rounds that joined this one; known when it closes."),
  failed: Count.describe("Clients that gave up, or whose update was refused."),
  missed: Count.describe("Clients that had not answered by the close."),
  coldStarts: Count,
  accuracy: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe("Of the version this round made, once it is scored."),
  loss: z.number().nullable().describe("Of the same version."),
  isUnscored: z.literal(true).optional().describe("Whether that version is known to get no score."),
  atClients: z
    .strictObject({ metric: z.string(), mean: z.number(), worst: z.number().nullable(), spread: z.number() })
    .optional()
    .describe("What its clients say of the version it began from; worst: of the worst tenth of them."),
  eur: z.number().min(0).max(1).nullable().describe("reported / invoked, once the round is closed."),
  costUsd: z.number().min(0).nullable().describe("Of what was reported so far while the round is open."),
  wallSeconds: z.number().min(0).describe("Since it was opened, or until it was closed."),
  deadlineSeconds: z.number().min(0).describe("From opened to the deadline, an extension included."),
  closeReason: CloseReason.nullable(),
});
export type RoundSnapshot = z.infer<typeof RoundSnapshot>;

export interface RunSnapshot {
  readonly status: Run["status"];
  readonly modelVersion: number | null;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly eur: number | null;
  readonly costUsd: number;
}

/** What of an invocation says whether it has answered. */
type AnsweringInvocation = Pick<Invocation, "status" | "coldStart" | "costUsd">;

type Answers = Pick<RoundSnapshot, "training" | "reported" | "late" | "failed" | "missed" | "coldStarts">;

/**
 * The round at `nowMs` (milliseconds since 1970; anything before its opening counts as its opening).
 *
 * @param invocations all of the round's; used only until it has been closed or degraded, whose counts are
 *   its own.
 */
export function snapshotOf(
  round: RoundFigures,
  invocations: readonly AnsweringInvocation[],
  nowMs: number,
): RoundSnapshot {
  const { wallMs } = round.timings;
  const endedAt = round.closedAt ?? nowMs;
  return {
    round: round.round,
    status: round.status,
    invoked: round.counts.invoked,
    ...(isPublished(round) ? publishedAnswers(round) : answersSoFar(invocations)),
    accuracy: round.accuracy,
    loss: round.loss,
    ...(round.unscoredReason === null ? {} : { isUnscored: true as const }),
    ...atClients(round),
    eur: round.eur,
    costUsd: round.costUsd ?? costSoFar(invocations),
    wallSeconds: Math.max(0, wallMs ?? endedAt - round.openedAt) / 1_000,
    deadlineSeconds: Math.max(0, round.deadlineAt - round.openedAt) / 1_000,
    closeReason: round.closeReason,
  };
}

/** Whether its counts are its own: it has been folded. */
export function isPublished(round: Pick<RoundSnapshot, "status"> | undefined): boolean {
  return round?.status === "closed" || round?.status === "degraded";
}

/** Whether it still waits for updates or folds them. */
export function isOpen({ status }: Pick<RoundSnapshot, "status">): boolean {
  return status === "training" || status === "aggregating";
}

export function runSnapshotOf(run: Run): RunSnapshot {
  const { status, modelVersion, accuracy, loss, eur, totals } = run;
  return { status, modelVersion, accuracy, loss, eur, costUsd: totals.costUsd };
}

/** Their accuracy where they report one, else their loss. */
function atClients({ federated }: RoundFigures): Pick<RoundSnapshot, "atClients"> {
  for (const metric of ["accuracy", "loss"]) {
    const found = federated?.metrics[metric];
    if (found === undefined) continue;
    const { mean, worstDecile = null, spread } = found;
    return { atClients: { metric, mean, worst: worstDecile, spread } };
  }
  return {};
}

function publishedAnswers({ counts }: RoundFigures): Answers {
  const { inTime, late, failed, rejected, missed, coldStarts } = counts;
  return { training: 0, reported: inTime, late, failed: failed + rejected, missed, coldStarts };
}

function answersSoFar(invocations: readonly AnsweringInvocation[]): Answers {
  const of = (...statuses: InvocationStatus[]) =>
    invocations.filter(({ status }) => statuses.includes(status)).length;
  return {
    training: of("training"),
    reported: of("reported", "consumed"),
    late: 0,
    failed: of("failed", "rejected"),
    missed: of("missed", "late", "expired"),
    coldStarts: invocations.filter(({ coldStart }) => coldStart === true).length,
  };
}

/** Null while no invocation has reported its cost. */
function costSoFar(invocations: readonly AnsweringInvocation[]): number | null {
  const reportedUsd = invocations.flatMap(({ costUsd }) => (costUsd === null ? [] : [costUsd]));
  return reportedUsd.length === 0 ? null : reportedUsd.reduce((sum, usd) => sum + usd, 0);
}
