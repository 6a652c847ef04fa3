// A roster shard: the behaviour of up to 500 clients of one run, in one document, so that a scheduler reads
// few.
import * as z from "zod";
import { Cannot, type ClientCannot } from "./cannot.ts";
import { ClientId, DurationMs, Instant, RunId } from "./ids.ts";
import { LabelShares } from "./labelCounts.ts";
import type { ClientCode } from "./ownCode.ts";
import { Pace } from "./pace.ts";
import { Signals } from "./signals.ts";

/** Clients a shard holds at most: about 500 × 500 bytes, well below a document's 1 MiB. */
export const SHARD_SIZE = 500;

/** Entries of the histories a shard keeps per client; the oldest go first. */
export const HISTORY_LENGTH = 20;

/**
 * The same in a run that keeps all it can: three lists of 8 bytes an entry for 500 clients are 816 kB of a
 * document's 1 MiB, beside the rest of their records.
 */
export const LONG_HISTORY_LENGTH = 68;

export const RosterRecord = z.strictObject({
  invocations: z.number().int().min(0),
  trainMsHistory: z.array(DurationMs).describe("Oldest first, without cold starts."),
  coldStartMsHistory: z.array(DurationMs),
  missedRounds: z.array(z.number().int().min(1)).describe("Ascending; a late report takes its round out."),
  cooldownRounds: z.number().int().min(0),
  lastSelectedRound: z.number().int().min(1).nullable(),
  busyUntilAt: Instant.nullable(),
  lastSeenAt: Instant.nullable().optional().describe("When its latest report came, where that is known."),
  cannot: Cannot.extend({
    round: z.number().int().min(0).describe("The last round that knew of it; it sits out some after that."),
  })
    .optional()
    .describe("Why it cannot take part for the time being; absent where it can."),
  pace: Pace.optional().describe("How fast it trains, where the run sizes work."),
  labelShares: LabelShares.optional().describe(
    "Its share of each label, where a relay asks for it: two hexadecimal digits each, ff being all.",
  ),
  signals: Signals.optional().describe(
    "The newest value of each that the run's strategy reads; absent where there is none.",
  ),
});
export type RosterRecord = z.infer<typeof RosterRecord>;

/** `runs/{runId}/roster/{shard}`. */
export const RosterShard = z.strictObject({
  runId: RunId,
  shard: z.number().int().min(0),
  foldedRound: z
    .number()
    .int()
    .min(0)
    .describe("The last round folded in; folding it again changes nothing."),
  clients: z.record(ClientId, RosterRecord),
});
export type RosterShard = z.infer<typeof RosterShard>;

/** What a roster needs to know of a client that was registered, changed or retired. */
export interface ChangedClient {
  readonly clientId: string;
  readonly retired: boolean;
  /** Ms since 1970. */
  readonly updatedAt: number;
  /** None where absent. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What its last check has found. */
  readonly cannot?: ClientCannot | undefined;
  /** Not known where absent. */
  readonly code?: ClientCode | undefined;
}
