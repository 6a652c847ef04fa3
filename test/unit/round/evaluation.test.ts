// Scores of model versions: each counted once, in whatever order they come.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sumUsd } from "../../../shared/core/cost/cost.ts";
import {
  awaitsScore,
  evaluationOf,
  recordEvaluation,
  recordUnscored,
  whyPassedOver,
  whyUnscored,
} from "../../../shared/core/round/evaluation.ts";
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
  it("keeps what scored the version, where that is known", () => {
    const scoredBy = { ...score(0.5), backend: "wasm 4.22.0" };
    expect(recordEvaluation(run, scored(1), 1, scoredBy, NOW).round.scoringBackend).toBe("wasm 4.22.0");
    expect(recordEvaluation(run, scored(1), 1, score(0.5), NOW).round).not.toHaveProperty("scoringBackend");
  });

  it("writes the score on the round and the run, and adds its cost to both", () => {
    const recorded = recordEvaluation(run, scored(1), 1, score(0.5), NOW);
    expect(recorded.round).toEqual({
      ...scored(1),
      costs: { ...NO_COSTS, evaluatorUsd: 0.2 },
      accuracy: 0.5,
      loss: 0.5,
      metrics: { accuracy: 0.5, loss: 0.5 },
      costUsd: 0.3,
      timings: { trainingMs: null, aggregateMs: null, evaluateMs: 12, wallMs: null },
    });
    expect(recorded.run).toEqual({
      ...run,
      accuracy: 0.5,
      loss: 0.5,
      metrics: { accuracy: 0.5, loss: 0.5 },
      evaluatedVersion: 1,
      best: { version: 1, accuracy: 0.5, loss: 0.5, metrics: { accuracy: 0.5, loss: 0.5 }, round: 11 },
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

  it("of equal accuracies the lower loss is the best, and a difference of rounding does not count", () => {
    const third = (loss: number, accuracy = 1 / 3) => ({ ...score(0), accuracy, loss });
    const first = recordEvaluation(run, scored(1), 1, third(0.9), NOW).run;
    const lower = recordEvaluation(first, scored(2), 2, third(0.8, 1 / 3 - 2 ** -54), NOW).run;
    expect(lower.best).toMatchObject({ version: 2, loss: 0.8 });
    expect(recordEvaluation(lower, scored(3), 3, third(0.85, 1 / 3 + 2 ** -54), NOW).run.best).toBe(
      lower.best,
    );
    const better = recordEvaluation(lower, scored(4), 4, third(7, 1 / 3 + 0.001), NOW).run;
    expect(better.best).toMatchObject({ version: 4, loss: 7 });
  });

  it("without an accuracy, or where the run asks for it, the lowest loss is the best", () => {
    const squared = { ...run.spec.training, loss: "meanSquaredError" as const };
    for (const spec of [
      { ...run.spec, training: squared },
      { ...run.spec, evaluation: { metric: "loss" as const } },
    ]) {
      const accuracy = spec.evaluation === undefined ? null : 0.9;
      const one = recordEvaluation({ ...run, spec }, scored(1), 1, { ...score(0), accuracy, loss: 4 }, NOW);
      expect(one.run).toMatchObject({ accuracy, loss: 4, best: { version: 1, accuracy, loss: 4 } });
      expect(awaitsScore(one.round, 1)).toBe(false);
      const two = recordEvaluation(one.run, scored(2), 2, { ...score(0), accuracy, loss: 3 }, NOW);
      expect(two.run.best).toMatchObject({ version: 2, loss: 3 });
      const three = recordEvaluation(two.run, scored(3), 3, { ...score(1), accuracy, loss: 3.5 }, NOW);
      expect(three.run.best).toBe(two.run.best);
    }
  });

  it("goes on from a best version whose loss 0.1 did not keep", () => {
    const old = { ...run, best: { version: 0, accuracy: 0.5, round: 10 } };
    expect(recordEvaluation(old, scored(1), 1, score(0.5), NOW).run.best).toMatchObject({ version: 1 });
    expect(recordEvaluation(old, scored(1), 1, score(0.4), NOW).run.best).toBe(old.best);
  });

  it("says on the run why versions have no score, until one has", () => {
    const without = recordUnscored(run, scored(1), 1, "there is no test set", 0.1);
    expect(without.run.unscoredReason).toBe("Version 1: there is no test set");
    expect(isValid(Run, without.run)).toBe(true);
    expect(recordEvaluation(without.run, scored(2), 2, score(0.5), NOW).run.unscoredReason).toBeNull();
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

describe("how a run is scored", () => {
  const withEvaluation = (evaluation: object, rounds = 10) =>
    buildRun({ spec: { ...run.spec, stop: { rounds }, evaluation } });

  it("by metrics beside loss and accuracy, each once, the run's own among them", () => {
    const { spec } = withEvaluation({ metric: "f1", metrics: ["auc", "f1", "loss", "accuracy", "auc"] });
    expect(evaluationOf(spec)).toEqual({ metrics: ["auc", "f1"], data: undefined, batchSize: 250 });
    const own = withEvaluation({ metric: "regret", direction: "lower", data: "test", batchSize: 9 }).spec;
    expect(evaluationOf({ ...own, data: "train" })).toEqual({ metrics: [], data: "test", batchSize: 9 });
    expect(evaluationOf({ ...run.spec, data: "train" }).data).toBe("train");
  });

  it("not at all where the run says so", () => {
    expect(whyUnscored(withEvaluation({ central: false }))).toMatch(/evaluation\.central is false/);
    expect(whyUnscored(withEvaluation({ central: true }))).toBeNull();
  });

  it("every so many rounds, and after the last one", () => {
    const every = withEvaluation({ every: 4 });
    const passed = Array.from({ length: 11 }, (_, i) => whyPassedOver(every, i + 1) !== null);
    expect(passed).toEqual(
      [1, 2, 3, 5, 6, 7, 9].reduce((all, i) => all.with(i - 1, true), Array(11).fill(false)),
    );
    expect(whyPassedOver(run, 1)).toBeNull();
  });

  it("its best version is the one of the best metric, by its direction", () => {
    const lower = withEvaluation({ metric: "perplexity" });
    const scores = [30, 20, 25].map((perplexity) => ({ ...score(0.5), metrics: { perplexity } }));
    const after = scores.reduce(
      (before, each, i) => recordEvaluation(before, scored(i + 1), i + 1, each, NOW).run,
      lower,
    );
    expect(after.best).toMatchObject({ version: 2, metrics: { perplexity: 20, accuracy: 0.5, loss: 0.5 } });
    expect(after.metrics).toEqual({ perplexity: 25, accuracy: 0.5, loss: 0.5 });
    expect(isValid(Run, after)).toBe(true);
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
