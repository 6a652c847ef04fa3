// How long an invocation's document is kept: for as long as its update waits, however long its run is paused,
// and then for as long as the run's spec says.
import type { Invocation } from "../schemas/invocation.ts";

const MS_PER_DAY = 86_400_000;

/** The longest that a spec keeps invocations; whatever is to be deleted later than that waits. */
const LONGEST_MS = 3_650 * MS_PER_DAY;

/** An invocation that waited for longer than it is kept for stays long enough for its end to be seen. */
const LEAST_MS = 7 * MS_PER_DAY;

/** The invocation whose update waits for a round: the database's time-to-live does not reach it. */
export function keptWhileWaiting(invocation: Invocation): Invocation {
  return isKept(invocation) ? invocation : { ...invocation, deleteAt: invocation.deleteAt + LONGEST_MS };
}

/** The invocation whose update waits no more. */
export function released(invocation: Invocation, nowMs: number): Invocation {
  if (!isKept(invocation)) return invocation;
  return { ...invocation, deleteAt: Math.max(invocation.deleteAt - LONGEST_MS, nowMs + LEAST_MS) };
}

function isKept({ deleteAt, invokedAt }: Invocation): boolean {
  return deleteAt - invokedAt > LONGEST_MS;
}
