// What the roster does not know yet: it is as old as the last round's close, and clients report at any
// moment.

import type { RosterEntry } from "../methods/selection/strategy.ts";
import type { Invocation } from "../schemas/invocation.ts";

/** An invocation by its place. */
export interface WorkedOn {
  readonly clientId: string;
  readonly round: number;
}

/** What was heard of an invocation, by which its client is free again; nothing where `freedAt` is null. */
export interface Freed extends WorkedOn {
  readonly freedAt: number | null;
  /** Whether that is a claim that came too late, rather than a report. */
  readonly refused: boolean;
}

export function freedBy(
  invocation: Pick<Invocation, "clientId" | "round" | "reportedAt" | "refusedAt">,
): Freed {
  const { clientId, round, reportedAt, refusedAt } = invocation;
  return { clientId, round, freedAt: reportedAt ?? refusedAt, refused: reportedAt === null };
}

/** The invocations that keep clients busy at this moment, as far as the roster knows; in its order. */
export function busyWith(roster: readonly RosterEntry[], nowMs: number): readonly WorkedOn[] {
  return roster.flatMap(({ clientId, busyUntilMs, lastSelectedRound }) =>
    busyUntilMs === null || busyUntilMs <= nowMs || lastSelectedRound === null
      ? []
      : [{ clientId, round: lastSelectedRound }],
  );
}

/**
 * The roster with every client free that has reported, or claimed too late, since the last close. Its times
 * and misses wait for the next close, which alone writes the roster.
 *
 * @param invocations at least those of `busyWith`; others change nothing.
 * @param nowMs a report that comes later is none yet: a decision as of a moment is the same whenever the
 *   reports are read.
 */
export function withReports(
  roster: readonly RosterEntry[],
  invocations: readonly Freed[],
  nowMs: number,
): readonly RosterEntry[] {
  const reported = new Map(
    invocations.flatMap(({ clientId, round, freedAt, refused }) =>
      freedAt === null || freedAt > nowMs ? [] : [[clientId, { round, freedAt, refused }] as const],
    ),
  );
  if (reported.size === 0) return roster;
  return roster.map((entry) => {
    const report = reported.get(entry.clientId);
    if (report === undefined || entry.busyUntilMs === null || report.round !== entry.lastSelectedRound) {
      return entry;
    }
    // One that claims too late time and again may hold its call on purpose.
    if (report.refused && entry.cooldownRounds > 1) return entry;
    const lastSeenMs = Math.max(entry.lastSeenMs ?? report.freedAt, report.freedAt);
    return { ...entry, busyUntilMs: null, lastSeenMs };
  });
}

/** A call to a client that is being delivered. */
export interface CallOnItsWay extends WorkedOn {
  /** When it ends at the latest, ms since 1970. */
  readonly untilMs: number;
}

/** A client answers its call as soon as its report is answered, which it may have to repeat for a while. */
const ANSWER_GRACE_MS = 60_000;

/** Calls that a client may hold at once and be invited. */
const MOST_HELD = 1;

/**
 * Whether a call is still held is looked up at each opening; a run that has too few clients looks again so
 * soon.
 */
const LOOK_AGAIN_MS = 5_000;

/**
 * The roster with those clients busy that have reported and yet hold their call: each would take another
 * place in the queue whenever it is invited. One call counts once a minute has passed since the report, two
 * count at once, so that such a client holds two places at the most. It is asked again at the next opening: a
 * client whose answer was only slow has lost one round.
 */
export function withCalls(
  roster: readonly RosterEntry[],
  calls: readonly CallOnItsWay[],
  nowMs: number,
): readonly RosterEntry[] {
  if (calls.length === 0) return roster;
  const byClient = Map.groupBy(calls, ({ clientId }) => clientId);
  return roster.map((entry) => {
    if (entry.busyUntilMs !== null && entry.busyUntilMs > nowMs) return entry;
    const held = byClient.get(entry.clientId) ?? [];
    const isPatient = held.length <= MOST_HELD && nowMs - (entry.lastSeenMs ?? 0) <= ANSWER_GRACE_MS;
    const untilMs = isPatient ? 0 : Math.max(0, ...held.map((call) => call.untilMs));
    return untilMs > nowMs ? { ...entry, busyUntilMs: Math.min(untilMs, nowMs + LOOK_AGAIN_MS) } : entry;
  });
}
