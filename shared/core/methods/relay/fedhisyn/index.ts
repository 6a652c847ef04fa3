// FedHiSyn (Li et al., ICPP 2022): classes of clients that are about as fast, and within a class the model
// goes from client to client as often as the interval allows, which is that of the fastest class's groups.
import type { RelayMember, RelayMethod } from "../relayMethod.ts";
import { inParts } from "../split.ts";
import type { FedhisynOptions } from "./face.ts";

/** Rounds of k-means: in one dimension and from quantiles it is at rest long before. */
const MOST_STEPS = 100;

export const behaviour: RelayMethod<FedhisynOptions> = {
  arrange(members, { classes, groupSize }) {
    const known = members.filter(({ workMs }) => workMs !== null).toSorted(bySpeed);
    const unknown = members.filter(({ workMs }) => workMs === null).toSorted(bySpeed);
    const ofClass = speedClasses(
      known.map(({ workMs }) => workMs ?? 0),
      classes,
    );
    const byClass = [...Map.groupBy(known.keys(), (index) => ofClass[index] ?? 0).values()].map((places) =>
      places.flatMap((index) => known[index] ?? []),
    );
    const intervalMs = groupSize * meanMs(byClass[0] ?? []);
    const groups = byClass.flatMap((own) => inParts(own, turnsWithin(intervalMs, meanMs(own), groupSize)));
    return [...groups, ...inParts(unknown, groupSize)].map((group) => group.map(({ clientId }) => clientId));
  },
};

/** Turns of a class's clients that take about as long as the interval, from 1 to `most`. */
function turnsWithin(intervalMs: number, turnMs: number, most: number): number {
  if (turnMs <= 0) return most;
  return Math.min(most, Math.max(1, Math.round(intervalMs / turnMs)));
}

function meanMs(members: readonly RelayMember[]): number {
  return members.reduce((sum, { workMs }) => sum + (workMs ?? 0), 0) / Math.max(1, members.length);
}

/** The fastest first, of equals by their ids. */
function bySpeed(a: RelayMember, b: RelayMember): number {
  return (a.workMs ?? 0) - (b.workMs ?? 0) || (a.clientId < b.clientId ? -1 : 1);
}

/**
 * The class of each of these durations, by k-means (Lloyd) from their quantiles: 0 is that of the shortest,
 * and no class is empty but where there are fewer different durations.
 *
 * @param durations ascending.
 */
export function speedClasses(durations: readonly number[], count: number): readonly number[] {
  let means = Array.from(
    { length: count },
    (_, k) => durations[Math.floor(((k + 0.5) * durations.length) / count)] ?? 0,
  );
  let classes: readonly number[] = [];
  for (let step = 0; step < MOST_STEPS; step++) {
    const next = durations.map((duration) => nearestOf(means, duration));
    if (classes.length > 0 && next.every((one, i) => one === classes[i])) break;
    classes = next;
    means = means.map((mean, k) => {
      const own = durations.filter((_, i) => next[i] === k);
      return own.length === 0 ? mean : own.reduce((sum, one) => sum + one, 0) / own.length;
    });
  }
  return classes;
}

function nearestOf(means: readonly number[], duration: number): number {
  return means.reduce(
    (best, mean, k) => (Math.abs(mean - duration) < Math.abs((means[best] ?? 0) - duration) ? k : best),
    0,
  );
}
