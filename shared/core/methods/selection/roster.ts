// What every strategy does first: put the roster in order, and set the busy clients aside.
import { FlError } from "../../errors.ts";
import type { Consideration, RosterEntry, SelectionInput } from "./strategy.ts";

/** The free clients by ascending id, and the reasons of those that are busy. O(n log n). */
export function splitRoster({ cohortSize, clients, nowMs }: SelectionInput): {
  free: RosterEntry[];
  busy: Consideration[];
} {
  if (!Number.isInteger(cohortSize) || cohortSize < 1) {
    throw new FlError("invalid-argument", `A cohort has at least 1 client, not ${cohortSize}.`);
  }
  const ordered = clients.toSorted(byClientId);
  const twice = ordered.find((client, i) => client.clientId === ordered[i + 1]?.clientId);
  if (twice !== undefined) {
    throw new FlError("invalid-argument", `The roster has the client ${twice.clientId} twice.`);
  }
  const isBusy = ({ busyUntilMs }: RosterEntry): boolean => busyUntilMs !== null && nowMs < busyUntilMs;
  const busy = ordered.filter(isBusy).map(({ clientId, lastSelectedRound }) => ({
    clientId,
    chosen: false,
    reason: lastSelectedRound === null ? "busy" : `busy since round ${lastSelectedRound}`,
    rank: null,
  }));
  return { free: ordered.filter((client) => !isBusy(client)), busy };
}

/** Ascending by code unit, the same on every machine. */
export function byClientId(a: { readonly clientId: string }, b: { readonly clientId: string }): number {
  return a.clientId < b.clientId ? -1 : a.clientId > b.clientId ? 1 : 0;
}
