// What the roster does not know yet: it is as old as the last round's close, and clients report at any moment.
import type { Invocation } from "../schemas/invocation.ts";
import type { RosterEntry } from "../selection/strategy.ts";

/** An invocation by its place. */
export interface WorkedOn {
  readonly clientId: string;
  readonly round: number;
}

/** When its client was last heard of and became free by it: it reported, or its claim came too late. */
export function freedAt({
  reportedAt,
  refusedAt,
}: Pick<Invocation, "reportedAt" | "refusedAt">): number | null {
  return reportedAt ?? refusedAt;
}

/** An invocation whose client is free again, unless `freedAt` is null. */
export interface Freed extends WorkedOn {
  readonly freedAt: number | null;
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
 * The roster with every client free that has reported, or claimed too late, since the last close. Its times and misses wait for
 * the next close, which alone writes the roster.
 *
 * @param invocations at least those of `busyWith`; others change nothing.
 * @param nowMs a report that comes later is none yet: a decision as of a moment is the same whenever the reports are read.
 */
export function withReports(
  roster: readonly RosterEntry[],
  invocations: readonly Freed[],
  nowMs: number,
): readonly RosterEntry[] {
  const reported = new Map(
    invocations.flatMap(({ clientId, round, freedAt }) =>
      freedAt === null || freedAt > nowMs ? [] : [[clientId, { round, freedAt }] as const],
    ),
  );
  if (reported.size === 0) return roster;
  return roster.map((entry) => {
    const report = reported.get(entry.clientId);
    if (report === undefined || entry.busyUntilMs === null || report.round !== entry.lastSelectedRound) {
      return entry;
    }
    const lastSeenMs = Math.max(entry.lastSeenMs ?? report.freedAt, report.freedAt);
    return { ...entry, busyUntilMs: null, lastSeenMs };
  });
}
