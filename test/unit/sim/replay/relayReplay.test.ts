// Recordings of relays: replayed, they take the same turns in the same time.
import { describe, expect, it } from "vitest";
import { noLearner } from "../../../../infra/sim/engine/learner.ts";
import type { ClosedRound } from "../../../../infra/sim/engine/world.ts";
import type { Recording } from "../../../../infra/sim/replay/recording.ts";
import { replayPopulation } from "../../../../infra/sim/replay/replayPopulation.ts";
import { relayFaces } from "../../../../shared/core/methods/registry/relayFaces.ts";
import { type Simulation, simulated } from "../../../support/simulated.ts";
import { buildScenario } from "../builders.ts";

const scenario = buildScenario({
  clients: 16,
  cohortSize: 9,
  rounds: 6,
  work: { seconds: 10, clientSpread: 0.3, callSpread: 0.2 },
  crash: { manner: "dies" },
  dispatchSeconds: 0.5,
  aggregateSeconds: 2,
});

/** Each client tells of a label of its own, and of one that all have. */
const labelCounts = (clientId: string) => {
  const label = Number(clientId.replaceAll(/\D/g, "")) % 7;
  return Array.from({ length: 8 }, (_, i) => (i === label ? 30 : i === 7 ? 10 : 0));
};
const telling = { ...noLearner(() => 40), labelCounts };

async function relay(strategy: string, more: Partial<Simulation> = {}) {
  const spec = { round: { relay: { strategy, groupSize: 3 } } };
  const training = { training: { loss: "sparseCategoricalCrossentropy" } };
  return simulated({
    ...{ scenario, strategy: "random", seed: 3, level: 0.4 },
    ...{ spec: { ...spec, ...training }, learner: telling },
    ...more,
  });
}

async function recorded(strategy: string): Promise<Recording> {
  const { run, rounds } = await relay(strategy);
  return {
    run,
    rounds: rounds.map(({ round }) => round),
    invocations: rounds.flatMap(({ cohort }) => cohort),
  };
}

/** What a round came to, without what only the recording's functions took. */
const seen = ({
  closeReason,
  relay: turns,
  counts,
  eur,
  consumed,
  timings,
  openedAt,
}: ClosedRound["round"]) => ({
  ...{ closeReason, turns, counts, eur, openedAt },
  trainingMs: timings.trainingMs,
  weights: consumed.map(({ clientId, weight }) => [clientId, weight]),
});

describe("the recording of a relay", () => {
  it.each(relayFaces.map(({ name }) => name))(
    "by %s comes to the same when it is replayed",
    async (strategy) => {
      const recording = await recorded(strategy);
      const skipped = recording.invocations.filter(({ relay: turn }) => turn?.skippedAt !== undefined);
      expect(skipped.length, "some are passed over").toBeGreaterThan(5);
      const population = replayPopulation(recording, 1);
      const again = await relay(strategy, {
        population: () => population,
        learner: noLearner(population.samples),
      });
      expect(again.rounds.map(({ round }) => seen(round))).toEqual(recording.rounds.map(seen));
    },
  );

  it("passes from the deadline of a last turn to the next round, not from the last report", async () => {
    const recording = await recorded("chain");
    const { openDelayMs } = replayPopulation(recording, 1);
    const lastWasSkipped = recording.rounds.filter(({ round, aggregatingAt }) =>
      recording.invocations.some((one) => one.round === round && one.relay?.skippedAt === aggregatingAt),
    );
    expect(lastWasSkipped.length).toBeGreaterThan(0);
    for (const { round } of recording.rounds) expect(openDelayMs(round), `round ${round}`).toBe(0);
  });
});
