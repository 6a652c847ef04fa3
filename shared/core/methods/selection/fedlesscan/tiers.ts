// The tiers of FedLesScan: who is unknown, who is in good standing, and who sits out after a miss.
import { cooldownLeft } from "../cooldown.ts";
import type { RosterEntry } from "../strategy.ts";

export type Tier = "rookie" | "participant" | "straggler";

/**
 * rookie: never finished, never missed · straggler: its last miss is no more rounds ago than its cooldown, so
 * that a cooldown of k bars exactly the k rounds after the miss · participant: everyone else.
 */
export function tierOf(client: RosterEntry, round: number): Tier {
  if (client.trainMsHistory.length === 0 && client.missedRounds.length === 0) return "rookie";
  return cooldownLeft(client, round) > 0 ? "straggler" : "participant";
}
