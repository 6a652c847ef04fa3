// Whether a client was not heard of when it was last invited.
import type { RosterEntry } from "./strategy.ts";

/** Whether its latest invocation was missed and nothing was heard of it since. */
export function missedItsLast({
  missedRounds,
  lastSelectedRound,
}: Pick<RosterEntry, "missedRounds" | "lastSelectedRound">): boolean {
  const lastMiss = missedRounds.at(-1);
  return lastMiss !== undefined && lastMiss >= (lastSelectedRound ?? 0);
}
