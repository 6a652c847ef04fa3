// Why FedLesScan chose a client or did not, in words and numbers.
import { cooldownLeft } from "../cooldown.ts";
import { missedItsLast } from "../missedItsLast.ts";
import type { RosterEntry } from "../strategy.ts";
import type { Member } from "./clusters.ts";

export function rookieStanding(client: RosterEntry): string {
  return client.invocations === 0 ? "rookie, never invoked" : "rookie, nothing known of it";
}

export function stragglerStanding(client: RosterEntry, round: number): string {
  return `straggler, ${misses(client)}, sits out ${plural(cooldownLeft(client, round), "more round")}`;
}

/** @param averageMs of its work so far. */
export function doubtfulStanding(client: RosterEntry, averageMs: number): string {
  return missedItsLast(client)
    ? `participant on probation, ${misses(client)}`
    : `participant too slow for a round, ${seconds(averageMs)} of work`;
}

/** @param place such as "cluster 1 of 3"; null where no clusters were made. */
export function knownStanding({ client, ...features }: Member, place: string | null): string {
  const penalty = features.penaltyMs === 0 ? "" : ` plus ${seconds(features.penaltyMs)} for misses`;
  const predicted = `predicted ${seconds(features.predictedMs)}${penalty}`;
  const where = place === null ? "" : `${place}, `;
  return `participant, ${where}${predicted}, invoked ${plural(client.invocations, "time")}`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function misses({ missedRounds }: RosterEntry): string {
  const last = missedRounds.at(-1);
  return missedRounds.length === 1
    ? `missed round ${last}`
    : `missed ${missedRounds.length} rounds, last ${last}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
