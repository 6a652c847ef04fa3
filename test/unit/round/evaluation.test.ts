// Scores of model versions: each counted once, in whatever order they come.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sumUsd } from "../../../shared/core/cost/cost.ts";
import { awaitsScore, recordEvaluation, recordUnscored } from "../../../shared/core/round/evaluation.ts";
import { NO_COSTS, Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { buildRound, buildRun, deepFreeze, T0 } from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const NOW = T0 + 90_000;
const scored = (version: number) =>
  deepFreeze(buildRound({ round: version + 10, status: "closed", newVersion: version, costUsd: 0.1 }));
const score = (accuracy: number) => ({ accuracy, loss: 1 - accuracy, evaluateMs: 12, costUsd: 0.2 });
const run = deepFreeze(buildRun({ status: "running", round: 12, modelVersion: 2 }));

describe("recordEvaluation", () => {
  it("writes the score on the round and the run, and adds its cost to both", () => {
    const recorded = recordEvaluation(run, scored(1), 1, score(0.5), NOW);
    expect(recorded.round).toEqual({
      ...scored(1),
      costs: { ...NO_COSTS, evaluatorUsd: 0.2 },
      accuracy: 0.5,
      loss: 0.5,
      costUsd: 0.3,
      timings: { trainingMs: null, aggregateMs: null, evaluateMs: 12, wallMs: null },
    });
    expect(recorded.run).toEqual({
      ...run,
      accuracy: 0.5,
      loss: 0.5,
      evaluatedVersion: 1,
      best: { version: 1, accuracy: 0.5, round: 11 },
      totals: { ...run.totals, costUsd: 0.2 },
      updatedAt: NOW,
    });
    expect(isValid(Round, recorded.round) && isValid(Run, recorded.run)).toBe(true);
  });

  it("repeated, it changes nothing: the cost is counted once", () => {
    const once = recordEvaluation(run, scored(1), 1, score(0), NOW);
    const twice = recordEvaluation(once.run, once.round, 1, score(0.9), NOW + 1);
    expect(twice.run).toBe(once.run);
    expect(twice.round).toBe(once.round);
  });

  it.each([0, 2])("is not for version %i when the round made version 1", (version) => {
    const { run: after, round } = recordEvaluation(run, scored(1), version, score(0.5), NOW);
    expect(after).toBe(run);
    expect(round.accuracy).toBeNull();
  });

  it("is not for a round that made none", () => {
    const degraded = buildRound({ status: "degraded", newVersion: null });
    expect(recordEvaluation(run, degraded, 0, score(0.5), NOW).run).toBe(run);
  });

  it("out of order: the run shows the newest version, and the earliest of equal ones is the best", () => {
    const accuracies = [0.3, 0.7, 0.5, 0.7];
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (order) => {
        const after = order.reduce(
          (before, version) =>
            recordEvaluation(before, scored(version), version, score(accuracies[version] ?? 0), NOW).run,
          run,
        );
        expect(after).toMatchObject({
          evaluatedVersion: 3,
          accuracy: 0.7,
          best: { version: 1, accuracy: 0.7, round: 11 },
          totals: { costUsd: 0.8 },
        });
      }),
    );
  });

  it("an accuracy of 0 is a score", () => {
    const { run: after } = recordEvaluation(run, scored(0), 0, score(0), NOW);
    expect(after).toMatchObject({ accuracy: 0, evaluatedVersion: 0, best: { version: 0, accuracy: 0 } });
  });
});

describe("recordUnscored", () => {
  it("notes why a version has no score, once, shortens what is long, and charges for trying", () => {
    const noted = recordUnscored(run, scored(1), 1, "x".repeat(1_001), 0.25);
    expect(noted.round).toEqual({
      ...scored(1),
      unscoredReason: "x".repeat(1_000),
      costUsd: 0.35,
      costs: { ...NO_COSTS, evaluatorUsd: 0.25 },
    });
    expect(noted.run.totals.costUsd).toBe(sumUsd([run.totals.costUsd, 0.25]));
    expect(isValid(Round, noted.round)).toBe(true);
    const again = recordUnscored(deepFreeze(noted.run), deepFreeze(noted.round), 1, "again", 0.25);
    expect(again).toEqual(noted);
  });

  it("leaves a score alone, and is not overwritten by one that comes after it", () => {
    const { round } = recordEvaluation(run, scored(1), 1, score(0.5), NOW);
    expect(recordUnscored(run, round, 1, "too late", 1)).toEqual({ run, round });
    const noted = deepFreeze(recordUnscored(run, scored(1), 1, "no data", 0));
    expect(recordEvaluation(noted.run, noted.round, 1, score(0.5), NOW)).toEqual(noted);
  });

  it.each([0, 2])("is not for version %i when the round made version 1", (version) => {
    expect(recordUnscored(run, scored(1), version, "no data", 1)).toEqual({ run, round: scored(1) });
  });
});

describe("awaitsScore", () => {
  it("is the round that made the version, until a score or a reason is there", () => {
    expect(awaitsScore(scored(1), 1)).toBe(true);
    expect(awaitsScore(scored(1), 2)).toBe(false);
    expect(awaitsScore({ ...scored(1), accuracy: 0 }, 1)).toBe(false);
    expect(awaitsScore({ ...scored(1), unscoredReason: "" }, 1)).toBe(false);
    expect(awaitsScore(buildRound({ status: "degraded", newVersion: null }), 0)).toBe(false);
  });
});
