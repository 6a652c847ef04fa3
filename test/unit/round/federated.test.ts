// Federated evaluation: which scores of clients count, and what a round makes of them; figures by hand.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { federatedScore, scoreOfReport, withFederated } from "../../../shared/core/round/federated.ts";
import { type ClientScore, FederatedScore } from "../../../shared/core/schemas/clientScore.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { buildReported, buildRound, buildRun, buildSpec, deepFreeze } from "../../support/builders.ts";

const spec = buildSpec({ evaluation: { federated: {} } });
const run = buildRun({ spec });
const update = { attempt: 1, sizeBytes: 500, sha256: "0".repeat(64) };

function client(clientId: string, evaluation?: ClientScore): Invocation {
  return buildReported({ clientId, update, ...(evaluation === undefined ? {} : { evaluation }) });
}

function scored(clientId: string, samples: number, metrics: ClientScore["metrics"]): Invocation {
  return client(clientId, { version: 0, samples, metrics });
}

const inputsOf = (cohort: readonly Invocation[]) =>
  cohort.map(({ clientId }) => ({ round: 1, clientId, attempt: 1 }));

function scoreOf(cohort: readonly Invocation[], rejected: readonly string[] = [], of = run) {
  const round = buildRound({ status: "aggregating", inputs: inputsOf(cohort) });
  const bad = rejected.map((clientId) => ({ round: 1, clientId, attempt: 1 }));
  return federatedScore(of, round, deepFreeze([...cohort]), bad);
}

describe("a round's federated score", () => {
  test("is the weighted mean, the worst tenth and the weighted deviation of the clients' scores", () => {
    const cohort = [
      scored("b", 30, { accuracy: 0.6, loss: 1 }),
      scored("a", 10, { accuracy: 1, loss: 0.2 }),
      scored("c", 10, { accuracy: 0.4, loss: 3 }),
    ];
    const found = scoreOf(cohort);
    expect(FederatedScore.parse(found)).toEqual(found);
    expect(found).toMatchObject({ version: 0, clients: 3, samples: 50 });
    expect(found?.metrics["accuracy"]?.mean).toBeCloseTo(0.64, 12);
    expect(found?.metrics["accuracy"]?.worstDecile).toBe(0.4);
    expect(found?.metrics["accuracy"]?.spread).toBeCloseTo(
      Math.sqrt((30 * 0.04 ** 2 + 10 * 0.36 ** 2 + 10 * 0.24 ** 2) / 50),
      12,
    );
    expect(found?.metrics["loss"]?.worstDecile).toBe(3);
    expect(found?.metrics["loss"]?.clients).toBe(3);
  });

  test("has the mean of the worst tenth of the clients, rounded up and each counted alike", () => {
    const cohort = Array.from({ length: 11 }, (_, i) =>
      scored(`client-${i + 10}`, 10 + i, { accuracy: i / 20, loss: i }),
    );
    const metrics = scoreOf(cohort)?.metrics;
    expect(metrics?.["accuracy"]?.worstDecile).toBeCloseTo((0 + 1 / 20) / 2, 12);
    expect(metrics?.["loss"]?.worstDecile).toBeCloseTo((10 + 9) / 2, 12);
    expect(scoreOf(cohort.slice(0, 10))?.metrics["accuracy"]?.worstDecile).toBe(0);
  });

  test("is exact where all clients agree", () => {
    const cohort = ["a", "b", "c"].map((id, i) => scored(id, 7 + i, { accuracy: 1 }));
    expect(scoreOf(cohort)?.metrics).toEqual({
      accuracy: { mean: 1, worstDecile: 1, spread: 0, clients: 3 },
    });
  });

  test("bounds what one client counts for by the median of its peers", () => {
    const bounded = buildRun({
      spec: buildSpec({ evaluation: { federated: {} }, aggregation: { maxSamplesRatio: 2 } }),
    });
    const cohort = [
      scored("a", 10, { loss: 0 }),
      scored("b", 10, { loss: 0 }),
      scored("c", 1e12, { loss: 1 }),
    ];
    expect(scoreOf(cohort, [], bounded)?.metrics["loss"]?.mean).toBeCloseTo(20 / 40, 12);
  });

  test("counts the updates that the round takes in time, and none that it rejects", () => {
    const [taken, bad, late, silent] = [
      scored("a", 10, { loss: 1 }),
      scored("b", 10, { loss: 2 }),
      scored("c", 10, { loss: 4 }),
      client("d"),
    ];
    const round = buildRound({ inputs: inputsOf([taken, bad, silent]) });
    expect(federatedScore(run, round, [taken, bad, late, silent], inputsOf([bad]))).toMatchObject({
      clients: 1,
      metrics: { loss: { mean: 1 } },
    });
    expect(federatedScore(run, buildRound({ inputs: null }), [taken], [])).toBeUndefined();
    expect(federatedScore(run, { ...round, baseVersion: 3 }, [taken], [])).toBeUndefined();
  });

  test("is there for each metric over the clients that have it", () => {
    const found = scoreOf([scored("a", 10, { loss: 1, auc: 0.5 }), scored("b", 10, { loss: 2 })]);
    expect(found?.metrics["auc"]).toEqual({ mean: 0.5, worstDecile: 0.5, spread: 0, clients: 1 });
    expect(found?.metrics["loss"]?.clients).toBe(2);
  });

  test("knows no worst tenth of a metric of one's own, unless the run says what is better", () => {
    const cohort = [scored("a", 10, { cost: 1 }), scored("b", 10, { cost: 3 })];
    expect(scoreOf(cohort)?.metrics["cost"]).toEqual({ mean: 2, spread: 1, clients: 2 });
    const named = buildRun({
      spec: buildSpec({ evaluation: { metric: "cost", direction: "lower", by: "federated", federated: {} } }),
    });
    expect(scoreOf(cohort, [], named)?.metrics["cost"]?.worstDecile).toBe(3);
  });

  test("keeps 32 metrics, the run's own and those of most clients first", () => {
    const inventions = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`a${i}`, i]));
    const cohort = [
      scored("a", 10, inventions),
      scored("b", 10, { accuracy: 0.5, loss: 1, zz: 1 }),
      scored("c", 10, { accuracy: 0.5, loss: 1, zz: 1 }),
    ];
    const names = Object.keys(scoreOf(cohort)?.metrics ?? {});
    expect(names).toHaveLength(32);
    expect(names).toEqual(expect.arrayContaining(["accuracy", "loss", "zz", "a0"]));
    expect(names).not.toContain("a9");
  });

  test("takes outside words as names without harm", () => {
    const found = scoreOf([scored("a", 10, { constructor: 1, toString: 2 })]);
    expect(Object.keys(found?.metrics ?? {})).toEqual(["constructor", "toString"]);
    expect(scoreOf([scored("a", 10, { loss: 1 }), scored("b", 10, { loss: 1 })])?.metrics["loss"]?.mean).toBe(
      1,
    );
  });

  test("does not depend on the order of the cohort, and lies within the clients' scores", () => {
    const one = fc.record({
      samples: fc.integer({ min: 5, max: 1e6 }),
      loss: fc.double({ min: -1e30, max: 1e30, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 30 }), (all) => {
        const cohort = all.map(({ samples, loss }, i) => scored(`client-${i}`, samples, { loss }));
        const found = scoreOf(cohort);
        expect(scoreOf(cohort.toReversed())).toEqual(found);
        const losses = all.map(({ loss }) => loss);
        const { mean = 0, spread = -1, worstDecile = 0 } = found?.metrics["loss"] ?? {};
        const slack = 1e-9 * Math.max(...losses.map(Math.abs));
        expect(mean).toBeGreaterThanOrEqual(Math.min(...losses) - slack);
        expect(mean).toBeLessThanOrEqual(Math.max(...losses) + slack);
        expect(worstDecile).toBeGreaterThanOrEqual(Math.min(...losses) - slack);
        expect(worstDecile).toBeLessThanOrEqual(Math.max(...losses) + slack);
        expect(spread).toBeGreaterThanOrEqual(0);
        expect(FederatedScore.safeParse(found).success).toBe(true);
      }),
    );
  });
});

describe("a report's score", () => {
  const invocation = { baseVersion: 4, maxSamples: 50 };
  const { result } = { result: { kind: "update" } as never };
  const score = (overrides: Partial<ClientScore> = {}): ClientScore => ({
    version: 4,
    samples: 20,
    metrics: { accuracy: 1, loss: 0 },
    ...overrides,
  });
  const kept = (overrides: Partial<ClientScore>) =>
    scoreOfReport(spec, invocation, { evaluation: score(overrides), result });

  test("is kept as it is", () => {
    expect(kept({})).toEqual({ evaluation: score() });
  });

  test("counts for no more samples than the client's data card has", () => {
    expect(kept({ samples: 51 })).toEqual({ evaluation: score({ samples: 50 }) });
  });

  test.each([
    [{ version: 3 }, /version 3, and the client was given 4/],
    [{ samples: 4 }, /4 samples, fewer than/],
    [{ metrics: {} }, /no metric/],
    [{ metrics: { accuracy: 1.01 } }, /accuracy is not within 0 and 1/],
    [{ metrics: { loss: 1, top5Accuracy: -0.1 } }, /top5Accuracy is not within/],
    [{ metrics: { r2: 1.5 } }, /r2 is not within/],
    [{ metrics: { perplexity: 0.99 } }, /perplexity is not within/],
    [{ metrics: { loss: -0.0011 } }, /loss is not within -0.001 and Infinity/],
    [{ metrics: { loss: 1, binaryAccuracy: 1.1 } }, /binaryAccuracy is not within 0 and 1/],
  ] as const)("that cannot be right, %j, is left out with the reason", (overrides, reason) => {
    const { evaluation, evaluationLeftOut } = kept(overrides as Partial<ClientScore>);
    expect(evaluation).toBeUndefined();
    expect(evaluationLeftOut).toMatch(reason);
  });

  test("may be below the least by what the arithmetic of 32 bits leaves", () => {
    const metrics = { loss: -0.001, perplexity: 0.999 };
    expect(kept({ metrics })).toEqual({ evaluation: score({ metrics }) });
  });

  test("may be of any loss where that has no least", () => {
    const metrics = { loss: -7 };
    const federated = { evaluation: { federated: {} } };
    const trainer = { name: "mine", version: "^1.0.0" };
    const model = { parameters: "p", weights: { object: "w", partial: false } };
    for (const free of [
      buildSpec({ ...federated, training: { loss: "poisson" } }),
      buildSpec({ ...federated, requires: { trainer } }),
      { ...buildSpec(federated), model },
    ]) {
      expect(scoreOfReport(free, invocation, { evaluation: score({ metrics }), result })).toEqual({
        evaluation: score({ metrics }),
      });
    }
  });

  test("that is missing has its reason, in our words where we know it", () => {
    const why = (evaluationLeftOut?: string) =>
      scoreOfReport(spec, invocation, { evaluationLeftOut, result }).evaluationLeftOut;
    expect(why("no-time")).toMatch(/too much of the time/);
    expect(why("something-new")).toBe("The client reported no score: something-new.");
    expect(why("constructor")).toBe("The client reported no score: constructor.");
    expect(why()).toMatch(/older release/);
  });

  test("is nothing to speak of where the training failed, or the run does not ask for it", () => {
    const failed = { result: { kind: "failure" } as never };
    expect(scoreOfReport(spec, invocation, failed)).toEqual({});
    expect(scoreOfReport(buildSpec(), invocation, { result })).toEqual({});
    expect(scoreOfReport(buildSpec(), invocation, { evaluation: score(), result })).toEqual({
      evaluationLeftOut: "The run does not ask its clients for scores.",
    });
  });
});

describe("a run", () => {
  const score = (accuracy: number, loss: number, version = 0) => ({
    version,
    clients: 1,
    samples: 10,
    metrics: {
      accuracy: { mean: accuracy, worstDecile: accuracy, spread: 0, clients: 1 },
      loss: { mean: loss, worstDecile: loss, spread: 0, clients: 1 },
    },
  });
  const by = (how: "central" | "federated") =>
    buildRun({ spec: buildSpec({ evaluation: { federated: {}, by: how } }) });

  test("shows the newest scores of its clients", () => {
    const shown = withFederated(run, { round: 3 }, score(0.5, 1, 2));
    expect(shown.federated).toEqual({ ...score(0.5, 1, 2), round: 3 });
    expect(shown.best, "the test set chooses it").toBeNull();
    expect(withFederated(shown, { round: 4 }, undefined)).toBe(shown);
  });

  test("that goes by them has the best version by their mean", () => {
    const first = withFederated(by("federated"), { round: 1 }, score(0.5, 1));
    expect(first.best).toEqual({
      version: 0,
      accuracy: 0.5,
      loss: 1,
      metrics: { accuracy: 0.5, loss: 1 },
      round: 1,
    });
    const worse = withFederated(first, { round: 2 }, score(0.4, 0.5, 1));
    expect(worse.best?.version).toBe(0);
    expect(worse.federated?.version).toBe(1);
    expect(withFederated(worse, { round: 3 }, score(0.6, 2, 2)).best).toMatchObject({
      version: 2,
      accuracy: 0.6,
      round: 3,
    });
  });
});
