// A population out of a recorded run: who was invoked in a round of the recording does there what it did; in any other round
// it does what it did in one of its own, or where it was never invoked, what one of all the others did.
import { type Random, randomFrom } from "../../../shared/core/random.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Conduct, Population } from "../population/population.ts";
import type { Recording } from "./recording.ts";

export function replayPopulation({ run, rounds, invocations }: Recording, seed: number): Population {
  const clientIds = [
    ...new Set([
      ...rounds.flatMap(({ cohort, notChosen }) => [...cohort, ...notChosen.map(({ clientId }) => clientId)]),
      ...invocations.map(({ clientId }) => clientId),
    ]),
  ].sort();
  const ordered = invocations.toSorted((a, b) => a.round - b.round || (a.clientId < b.clientId ? -1 : 1));
  const own = Map.groupBy(ordered, ({ clientId }) => clientId);
  const samples = new Map(
    ordered.flatMap(({ clientId, training }) => (training === null ? [] : [[clientId, training.samples]])),
  );
  const usualSamples = median([...samples.values()]) ?? 1;
  const aggregateMs = rounds.flatMap(({ timings }) => timings.aggregateMs ?? []);
  const capacity = ordered[0]?.capacity ?? { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 };
  return {
    clientIds,
    capacity,
    // The recording tells of the delivery that counted.
    deliveries: { most: 1, pauseMs: 0 },
    dispatchMs: 0,
    aggregateMs: median(aggregateMs) ?? 0,
    samples: (clientId) => samples.get(clientId) ?? usualSamples,
    conduct: ({ clientId, round }) => {
      const random = randomFrom(seed, "replay", clientId, round);
      const theirs = own.get(clientId);
      const recorded = theirs?.find((invocation) => invocation.round === round);
      return conductOf(recorded ?? pick(theirs ?? ordered, random), run.spec.round.deadlineSeconds);
    },
  };
}

function pick(invocations: readonly Invocation[], random: Random): Invocation | undefined {
  return invocations[random.int(Math.max(1, invocations.length))];
}

function conductOf(invocation: Invocation | undefined, deadlineSeconds: number): Conduct {
  const { claimedAt = null, invokedAt = 0, reportedAt = null, timings = null, status } = invocation ?? {};
  if (claimedAt === null) return { waitMs: 0, coldStartMs: 0, workMs: 0, ending: "unreachable" };
  const untilClaimMs = Math.max(0, claimedAt - invokedAt);
  if (reportedAt === null || timings === null) {
    // It was never heard of again: how long it worked is not known.
    return { waitMs: untilClaimMs, coldStartMs: 0, workMs: 1_000 * deadlineSeconds, ending: "silence" };
  }
  const coldStartMs = invocation?.coldStart === true ? timings.coldStartMs : 0;
  const { reportMs: _ofTheCoordinator, ...told } = timings;
  return {
    waitMs: Math.max(0, untilClaimMs - coldStartMs),
    coldStartMs,
    workMs: Math.max(0, reportedAt - claimedAt),
    ending: status === "failed" ? "failure" : "update",
    told,
  };
}

function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
}
