// What a client says of a version that it was given: a score, or why there is none.
import { describe, expect, test } from "vitest";
import { type ScoreTask, scoreVersion } from "../../../shared/cloud/tensors/scoreVersion.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Dataset, EvaluateTask, Evaluation } from "../../../shared/core/ports/trainer.ts";
import { LARGEST_SCORE } from "../../../shared/core/schemas/clientScore.ts";

const ROWS = 40;
const data: Dataset = {
  x: { shape: [ROWS, 1], values: Float32Array.from({ length: ROWS }, (_, i) => i) },
  y: { shape: [ROWS], values: new Float32Array(ROWS) },
};
const task: ScoreTask = {
  version: 3,
  seed: 7,
  share: 0.5,
  minSamples: 1,
  metrics: [],
  batchSize: 8,
  topology: { model_config: { class_name: "Sequential", config: [] } },
  weights: [],
  loss: "sparseCategoricalCrossentropy",
  data,
  stopMs: Number.POSITIVE_INFINITY,
};
const fine: Evaluation = { accuracy: 0.75, loss: 0.5, metrics: { auc: 0.8 }, details: null, samples: 20 };

function scored(made: Partial<Evaluation>, overrides: Partial<ScoreTask> = {}) {
  const trainer = { evaluate: async (_: EvaluateTask) => ({ ...fine, ...made }) };
  return scoreVersion(
    { ...task, ...overrides },
    trainer,
    () => 0,
    () => expect.unreachable(),
  );
}

describe("a version's score by a client", () => {
  test("has the loss, the accuracy and what was asked for", async () => {
    const { score, training } = await scored({});
    expect(score).toEqual({
      evaluation: { version: 3, samples: 20, metrics: { loss: 0.5, accuracy: 0.75, auc: 0.8 } },
    });
    expect(training.x.shape[0]).toBeLessThan(ROWS);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, LARGEST_SCORE * 2])(
    "is none where the loss is %d, whatever share of the labels is met by outputs that are not numbers",
    async (loss) => {
      const { score, training } = await scored({ loss });
      expect(score).toEqual({ evaluationLeftOut: "not-finite" });
      expect(training.x.shape[0], "rows that are kept apart stay so").toBeLessThan(ROWS);
    },
  );

  test("is without a metric that is no number within reason", async () => {
    const { score } = await scored({ metrics: { perplexity: Number.POSITIVE_INFINITY, auc: Number.NaN } });
    expect(score.evaluation?.metrics).toEqual({ loss: 0.5, accuracy: 0.75 });
  });

  test("is left out with fewer rows than are asked for, or without a topology", async () => {
    expect((await scored({}, { minSamples: ROWS })).score).toEqual({ evaluationLeftOut: "too-few-samples" });
    expect(await scored({}, { topology: undefined })).toEqual({
      training: data,
      score: { evaluationLeftOut: "no-topology" },
    });
  });

  test("that fails is told to the owner, and does not stop the training", async () => {
    const failure = new FlError("invalid-argument", "No.", { retry: "never" });
    const told: FlError[] = [];
    const trainer = { evaluate: () => Promise.reject(failure) };
    const { score } = await scoreVersion(
      task,
      trainer,
      () => 0,
      (error) => told.push(error),
    );
    expect(score).toEqual({ evaluationLeftOut: "failed" });
    expect(told).toEqual([failure]);
  });
});
