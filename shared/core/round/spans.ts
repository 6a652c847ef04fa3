// What an invocation did when, as spans of time: for timelines and traces.
import type { Invocation } from "../schemas/invocation.ts";

/**
 * What an invocation is at, in order. `queue`: due, and not at an instance yet. `evaluate`: scoring the
 * version that it was given. `report`: sent, and not with the coordinator yet. `unreported`: claimed, with
 * nothing heard of it since.
 */
export const PHASES = [
  "queue",
  "cold start",
  "claim",
  "download",
  "data",
  "evaluate",
  "train",
  "upload",
  "report",
  "unreported",
] as const;
export type Phase = (typeof PHASES)[number];

export interface Span {
  readonly phase: Phase;
  readonly startMs: number;
  /** Above `startMs`. */
  readonly endMs: number;
}

export interface Timeline {
  /** When it was invoked. */
  readonly startMs: number;
  /** When it reported, or was over without a report; until when it was looked at where it goes on. */
  readonly endMs: number;
  /** In order, within the timeline, none over another; where nothing is known there is none. */
  readonly spans: readonly Span[];
}

type Facts = Pick<Invocation, "invokedAt" | "claimedAt" | "reportedAt" | "endedAt" | "refusedAt" | "timings">;

/**
 * The timeline of an invocation.
 *
 * Instants are the coordinator's, durations are the client's. The phases of a report end where it came in,
 * and each begins where the one after it does: what is left at the front is what nobody measured, such as
 * earlier attempts. Where the client's durations are longer than the time that there was, the earliest ones
 * are cut.
 *
 * @param untilMs until when one is shown that was not seen to end: its round's close, or now
 */
export function invocationTimeline(invocation: Facts, untilMs: number): Timeline {
  const { invokedAt: startMs, claimedAt, reportedAt, endedAt, refusedAt, timings } = invocation;
  const endMs = Math.max(startMs, claimedAt ?? startMs, reportedAt ?? endedAt ?? refusedAt ?? untilMs);
  if (reportedAt === null || timings === null) {
    const claimMs = claimedAt === null ? endMs : Math.max(startMs, claimedAt);
    const spans: Span[] = [
      { phase: "queue", startMs, endMs: claimMs },
      { phase: "unreported", startMs: claimMs, endMs },
    ];
    return { startMs, endMs, spans: spans.filter((span) => span.endMs > span.startMs) };
  }
  const durations: readonly (readonly [Phase, number])[] = [
    ["queue", timings.queueWaitMs],
    ["cold start", timings.coldStartMs],
    ["claim", timings.claimMs],
    ["download", timings.downloadMs],
    ["data", timings.dataMs],
    ["evaluate", timings.evaluateMs ?? 0],
    ["train", timings.trainMs],
    ["upload", timings.uploadMs],
    ["report", timings.reportMs],
  ];
  const spans: Span[] = [];
  let nextMs = endMs;
  for (const [phase, durationMs] of durations.toReversed()) {
    const from = Math.max(startMs, nextMs - durationMs);
    if (from < nextMs) spans.push({ phase, startMs: from, endMs: nextMs });
    nextMs = from;
  }
  return { startMs, endMs, spans: spans.reverse() };
}
