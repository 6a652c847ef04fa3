// Relays in the simulator: clients take turns, and those that crash hold nobody up.
import { describe, expect, it } from "vitest";
import { Scenario } from "../../../infra/sim/scenario/scenario.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { simulated } from "../../support/simulated.ts";
import { cloud, softmaxLearner } from "../../support/softmaxLearner.ts";

const CLASSES = 10;
const CLIENTS = 20;

const scenario = Scenario.parse({
  description: "two labels each",
  clients: CLIENTS,
  cohortSize: CLIENTS,
  rounds: 10,
  deadlineSeconds: 60,
  capacity: { timeoutSeconds: 60 },
  work: { seconds: 10, clientSpread: 0.3, callSpread: 0.1 },
  coldStart: { seconds: 0 },
  stragglers: { crash: 1 },
  crash: { manner: "dies" },
  dispatchSeconds: 0,
  aggregateSeconds: 0.1,
  accounting: "platform",
});

/** Each client has 60 points of two of ten classes. */
function learner(seed: number, steps: number) {
  const draw = cloud(CLASSES, 16, 1.2, seed);
  const ids = Array.from({ length: CLIENTS }, (_, i) => i);
  const places = randomFrom(seed, "shards").shuffle([...ids, ...ids]);
  const data = new Map<string, ReturnType<typeof draw>>();
  const labelsOf = (clientId: string): number[] => {
    const index = Number(clientId.replaceAll(/\D/g, "")) % CLIENTS;
    const shards = places.flatMap((owner, place) => (owner === index ? [place % CLASSES] : []));
    return Array.from({ length: 60 }, (_, i) => shards[i % shards.length] ?? 0);
  };
  return softmaxLearner({
    classes: CLASSES,
    features: 16,
    clientData: (clientId) => {
      const known = data.get(clientId) ?? draw(labelsOf(clientId), randomFrom(seed, "points", clientId));
      data.set(clientId, known);
      return known;
    },
    test: draw(
      Array.from({ length: 500 }, (_, i) => i % CLASSES),
      randomFrom(seed, "test"),
    ),
    learningRate: 0.1,
    batchSize: 10,
    steps: () => steps,
    seed,
  });
}

const RELAY = { round: { relay: { strategy: "chain", groupSize: 5 } } };

async function played(seed: number, spec: object, { steps = 6, level = 0, rounds = 10 } = {}) {
  const {
    run,
    rounds: closed,
    scores,
  } = await simulated({
    ...{ scenario, strategy: "random", seed, level, learner: learner(seed, steps) },
    spec: { stop: { rounds }, ...spec },
  });
  return { run, closed, accuracy: scores.at(-1)?.accuracy ?? 0 };
}

describe("a relay", () => {
  it("takes turns: each client begins when the one before it has reported", async () => {
    const { closed } = await played(1, RELAY, { rounds: 1 });
    const [{ cohort, round }] = closed as [(typeof closed)[number]];
    expect(round).toMatchObject({ closeReason: "all-reported", status: "closed" });
    expect(round.relay?.groups.map(({ members }) => members.length)).toEqual([5, 5, 5, 5]);
    const byId = new Map(cohort.map((one) => [one.clientId, one]));
    for (const { members } of round.relay?.groups ?? []) {
      const turns = members.map(({ clientId }) => byId.get(clientId));
      for (const [i, one] of turns.entries()) {
        expect(one?.relay).toMatchObject({ hop: i + 1 });
        expect(one?.invokedAt).toBe(i === 0 ? round.openedAt : turns[i - 1]?.reportedAt);
        const before = members.slice(Math.max(0, i - 2), i).toReversed();
        expect(one?.relay?.from.map(({ clientId }) => clientId)).toEqual(
          before.map(({ clientId }) => clientId),
        );
      }
    }
    const shares = round.consumed.reduce((sum, { weight }) => sum + weight, 0);
    expect(shares).toBeCloseTo(1, 12);
  });

  it("passes over clients that crash, and ends each round with the models of the others", async () => {
    const { closed, run } = await played(4, RELAY, { level: 0.3, rounds: 3 });
    expect(run.status).toBe("completed");
    for (const { round, cohort } of closed) {
      const skipped = cohort.filter(({ relay }) => relay?.skippedAt !== undefined);
      expect(skipped.length).toBeGreaterThan(2);
      const inTime = round.cohort.length - skipped.length;
      expect(round.counts).toMatchObject({ invoked: round.cohort.length, inTime, missed: skipped.length });
      expect(round.consumed).toHaveLength(inTime);
      for (const { failure } of skipped) expect(failure?.message).toMatch(/went on without it/);
    }
  });

  it("comes to the same whenever it is played", async () => {
    const [one, other] = [await played(2, RELAY, { rounds: 2 }), await played(2, RELAY, { rounds: 2 })];
    expect(one.closed.map(({ round }) => round)).toEqual(other.closed.map(({ round }) => round));
  });
});
