// How long a client sits out after invocations that were missed, failed or refused.
import type { RosterEntry } from "./strategy.ts";

/** Rounds that a client still sits out, this one included. */
export function cooldownLeft(client: RosterEntry, round: number): number {
  const lastMiss = client.missedRounds.at(-1);
  return lastMiss === undefined ? 0 : Math.max(0, lastMiss + client.cooldownRounds - round + 1);
}
