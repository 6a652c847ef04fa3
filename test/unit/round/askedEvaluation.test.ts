// An evaluation that somebody asks for: one at a time for a version, until when it is waited for, and what
// the evaluator's answer makes of it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  askEvaluation,
  awaitsEvaluation,
  EVALUATION_WAIT_MS,
  evaluationCommands,
  evaluationProblems,
  failedEvaluation,
  scoredEvaluation,
  shownEvaluation,
  whyNotEvaluated,
} from "../../../shared/core/round/askedEvaluation.ts";
import { MAX_DOCUMENT_BYTES, storedBytes } from "../../../shared/core/schemas/documentSize.ts";
import { Evaluation } from "../../../shared/core/schemas/evaluation.ts";
import { buildRun, buildSpec, deepFreeze, T0 } from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

const BY = "operator@example.org";
const run = deepFreeze(buildRun());
const runOf = (spec: Record<string, unknown>) => buildRun({ spec: buildSpec(spec) });
const asked = deepFreeze(askEvaluation(null, run, 3, {}, BY, T0));
const score = { accuracy: 0.75, loss: 0.5, metrics: { f1: 0.6 }, evaluateMs: 40, backend: "script" };
const scored = deepFreeze(scoredEvaluation(asked, { ...score, costUsd: 0.001, hasDetails: true }, T0 + 50));

describe("asking", () => {
  it("is for what the run scores itself by, unless something else is named", () => {
    expect(asked).toMatchObject({ number: 1, version: 3, status: "asked", data: null, metricNames: [] });
    const own = runOf({ data: "scans", evaluation: { metrics: ["f1", "auc"], metric: "f1" } });
    expect(askEvaluation(null, own, 3, {}, BY, T0)).toMatchObject({
      data: "scans",
      metricNames: ["f1", "auc"],
    });
    const wish = { data: "spring", metrics: ["auc", "loss", "accuracy", "auc"] };
    expect(askEvaluation(null, own, 3, wish, BY, T0)).toMatchObject({ data: "spring", metricNames: ["auc"] });
    expect(askEvaluation(null, own, 3, { metrics: [] }, BY, T0).metricNames).toEqual([]);
  });

  it("makes one task for each number", () => {
    expect(evaluationCommands(asked)).toEqual([{ kind: "score", runId: run.runId, version: 3, number: 1 }]);
    expect(evaluationCommands(scored)).toEqual([]);
  });

  it("is refused while one is pending, and not a moment longer", () => {
    const error = refusal(() => askEvaluation(asked, run, 3, {}, BY, asked.untilAt - 1));
    expect(error).toMatchObject({ code: "failed-precondition", retry: { afterMs: 1 } });
    expect(error.message).toContain(`Evaluation 1 of version 3 of run ${run.runId} is not over`);
    expect(askEvaluation(asked, run, 3, {}, BY, asked.untilAt)).toMatchObject({ number: 2, status: "asked" });
    expect(askEvaluation(scored, run, 3, {}, BY, T0 + 60)).toMatchObject({
      number: 2,
      accuracy: null,
      loss: null,
      hasDetails: false,
      endedAt: null,
    });
    expect(askEvaluation(scored, run, 3, {}, BY, T0 + 60)).not.toHaveProperty("metrics");
  });

  it("names each metric that makes no sense with the loss of the run", () => {
    expect(evaluationProblems(run, { metrics: ["f1", "r2"] })).toEqual([
      { path: "metrics.1", message: expect.stringContaining("there is no r2") },
    ]);
    expect(evaluationProblems(run, {})).toEqual([]);
  });
});

describe("a run that is not scored on a test set", () => {
  it("is refused with the reason", () => {
    expect(whyNotEvaluated(run, {})).toBeNull();
    const parameters = {
      ...run.spec,
      model: { parameters: "runs/r/model.source.json", weights: { object: "o", partial: false } },
    };
    expect(whyNotEvaluated({ ...run, spec: parameters }, { data: "spring" })).toContain("no topology");
  });

  it("because it wants none, can be where a set is named", () => {
    const without = runOf({ evaluation: { central: false } });
    expect(whyNotEvaluated(without, {})).toMatch(/evaluation\.central is false\. Name a test set/);
    expect(whyNotEvaluated(without, { data: "spring" })).toBeNull();
  });

  it("because each client has layers of its own, is not even then", () => {
    const { model } = run;
    if (model === null) throw new Error("the run has a model");
    const [first, ...others] = model.parameters;
    if (first === undefined) throw new Error("the model has parameters");
    const local = {
      ...runOf({ evaluation: { central: false } }),
      model: { ...model, parameters: [{ ...first, local: true as const }, ...others] },
    };
    expect(whyNotEvaluated(local, { data: "spring" })).toContain("each client has its own");
  });
});

describe("the evaluator's answer", () => {
  it("is the score, with all metrics", () => {
    expect(scored).toMatchObject({
      status: "scored",
      accuracy: 0.75,
      loss: 0.5,
      metrics: { loss: 0.5, accuracy: 0.75, f1: 0.6 },
      hasDetails: true,
      costUsd: 0.001,
      endedAt: T0 + 50,
    });
  });

  it("of numbers has no accuracy", () => {
    const numbers = { ...score, accuracy: null, metrics: {}, costUsd: 0, hasDetails: false };
    expect(scoredEvaluation(asked, numbers, T0)).toMatchObject({ accuracy: null, metrics: { loss: 0.5 } });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("with the loss %d is a failure", (loss) => {
    const failed = scoredEvaluation(asked, { ...score, loss, costUsd: 0.002, hasDetails: false }, T0 + 1);
    expect(failed).toMatchObject({ status: "failed", loss: null, costUsd: 0.002, endedAt: T0 + 1 });
    expect(failed.reason).toContain(String(loss));
    expect(failed).not.toHaveProperty("metrics");
  });

  it("that there can be no score keeps the reason, shortened to well-formed text", () => {
    const failed = failedEvaluation(asked, `${"x".repeat(999)}\u{1F600}`, 0.002, T0 + 1);
    expect(failed.reason).toHaveLength(1_000);
    expect(failed.reason?.isWellFormed()).toBe(true);
    expect(() => Evaluation.encode(failed)).not.toThrow();
  });
});

describe("an answer that does not come", () => {
  it("is awaited for an hour, then shown as none; the document stays", () => {
    expect(shownEvaluation(asked, T0 + EVALUATION_WAIT_MS - 1)).toBe(asked);
    expect(shownEvaluation(asked, T0 + EVALUATION_WAIT_MS)).toMatchObject({
      status: "unanswered",
      reason: expect.stringContaining("ask again"),
      endedAt: asked.untilAt,
    });
    expect(shownEvaluation(scored, T0 + 2 * EVALUATION_WAIT_MS)).toBe(scored);
  });

  it("has its task do nothing any more, as has that of another number", () => {
    expect(awaitsEvaluation(asked, 1, asked.untilAt - 1)).toBe(true);
    expect(awaitsEvaluation(asked, 1, asked.untilAt)).toBe(false);
    expect(awaitsEvaluation(asked, 2, T0)).toBe(false);
    expect(awaitsEvaluation(scored, 1, T0 + 60)).toBe(false);
    expect(awaitsEvaluation(null, 1, T0)).toBe(false);
  });
});

it("a document is what its schema says, and small, whatever was found", () => {
  const metrics = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,40}$/),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    {
      maxKeys: 30,
    },
  );
  fc.assert(
    fc.property(metrics, fc.string({ maxLength: 4_000 }), (found, reason) => {
      const full = { ...score, metrics: found, backend: reason, costUsd: 0, hasDetails: false };
      for (const one of [scoredEvaluation(asked, full, T0), failedEvaluation(asked, reason, 0, T0)]) {
        expect(Evaluation.decode(Evaluation.encode(one))).toEqual(one);
        expect(storedBytes(one)).toBeLessThan(MAX_DOCUMENT_BYTES / 50);
      }
    }),
  );
});
