// What a scenario and a recorded run ask of the platform under a strategy, and what is laid over it.
import { describe, expect, it } from "vitest";
import { replayedSpec, runSpecOf, strategyNames } from "../../../../infra/sim/scenario/runSpec.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { buildSpec, deepFreeze } from "../../../support/builders.ts";
import { buildScenario } from "../builders.ts";

const choice = { strategy: "fedlesscan", paperFaithful: false, level: 0.3, seed: 4 };

describe("the spec of a scenario", () => {
  it("knows the names of the literature", () => {
    expect(strategyNames()).toEqual([
      "fedavg",
      "fedprox",
      "apodotiko",
      "fedlesscan",
      "oort",
      "random",
      "refl",
    ]);
    const scenario = buildScenario();
    expect(runSpecOf(scenario, { ...choice, strategy: "fedavg" }, {})).toMatchObject({
      selection: { strategy: "random" },
      training: { proximalMu: 0 },
    });
    expect(runSpecOf(scenario, { ...choice, strategy: "fedprox" }, {})).toMatchObject({
      selection: { strategy: "random" },
      training: { proximalMu: 0.001 },
    });
  });

  it("has the scenario's own spec only by default, and what is laid over it always", () => {
    const scenario = deepFreeze(
      buildScenario({
        spec: { round: { deadline: { kind: "adaptive" } }, selection: { explorationShare: 0.2 } },
      }),
    );
    const byDefault = runSpecOf(scenario, choice, { round: { minUpdates: 2 } });
    expect(byDefault.round).toMatchObject({
      deadline: { kind: "adaptive" },
      minUpdates: 2,
      deadlineSeconds: 60,
    });
    expect(byDefault.selection).toMatchObject({ explorationShare: 0.2, cohortSize: 5 });
    const faithful = runSpecOf(scenario, { ...choice, paperFaithful: true }, { round: { minUpdates: 2 } });
    expect(faithful.round).toMatchObject({ minUpdates: 2 });
    expect(faithful.round.deadline).toBeUndefined();
    expect(faithful.selection).toMatchObject({ explorationShare: 0.5 });
  });

  it("has the rounds of its level", () => {
    const scenario = buildScenario({ roundsAt: { "0.3": 9 } });
    expect(runSpecOf(scenario, choice, {}).stop.rounds).toBe(9);
    expect(runSpecOf(scenario, { ...choice, level: 0.5 }, {}).stop.rounds).toBe(4);
  });

  it("is refused where the platform would refuse it", () => {
    expect(() => runSpecOf(buildScenario(), choice, { round: { quorum: 0 }, colour: "red" })).toThrow(
      FlError,
    );
    expect(() => runSpecOf(buildScenario(), choice, { round: { quorum: 0 }, colour: "red" })).toThrow(
      /That is not a valid spec:.*colour.*round.quorum/s,
    );
  });

  it("is refused where its parts do not go together, with everything that does not", () => {
    const alone = { training: { method: "scaffold" }, round: { minUpdates: 6, buffer: { size: 7 } } };
    expect(() => runSpecOf(buildScenario(), { ...choice, strategy: "random" }, alone)).toThrow(
      /scaffold-server.*\n.*at aggregation\.strategy/,
    );
    expect(() => runSpecOf(buildScenario(), { ...choice, strategy: "random" }, alone)).toThrow(
      /at round\.minUpdates.*at round\.buffer\.size/s,
    );
  });

  it("may have a larger cohort than a round's document can name", () => {
    const many = { selection: { cohortSize: 5_000 } };
    expect(runSpecOf(buildScenario(), choice, many).selection.cohortSize).toBe(5_000);
  });
});

describe("the spec of a replay", () => {
  const recorded = deepFreeze(
    buildSpec({
      selection: { strategy: "fedlesscan", cohortSize: 3, explorationShare: 0.1 },
      round: { deadlineSeconds: 33 },
      seed: 11,
    }),
  );

  it("is the recorded one for the recorded strategy", () => {
    expect(replayedSpec(recorded, { ...choice, level: 0 }, {})).toEqual(recorded);
  });

  it("keeps the cohort and the round under another strategy, the recorded seed too", () => {
    const other = replayedSpec(recorded, { ...choice, strategy: "random" }, {});
    expect(other.selection).toEqual({ strategy: "random", cohortSize: 3 });
    expect(other).toMatchObject({ seed: 11, round: { deadlineSeconds: 33 } });
  });

  it("is refused for what a what-if brings, not for what the recorded run had before it was refused", () => {
    const { aggregation } = buildSpec({
      aggregation: { strategy: "median" },
      selection: { strategy: "random", cohortSize: 3 },
      round: { minUpdates: 3 },
    });
    const early = deepFreeze({ ...recorded, aggregation });
    expect(replayedSpec(early, choice, { round: { deadlineSeconds: 5 } }).round.deadlineSeconds).toBe(5);
    expect(() => replayedSpec(early, choice, { round: { minUpdates: 9 } })).toThrow(
      /^That is not a valid spec:\n✖ must not exceed selection.cohortSize[^✖]*$/,
    );
  });

  it("is laid over by what-ifs", () => {
    expect(replayedSpec(recorded, choice, { round: { deadlineSeconds: 5 } }).round.deadlineSeconds).toBe(5);
  });
});
