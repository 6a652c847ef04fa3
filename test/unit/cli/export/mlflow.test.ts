// A run in the words of MLflow: keys and values that a server takes, in batches of its size.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BATCH_LIMITS,
  batchesOf,
  flatParams,
  mlflowAuthorization,
  mlflowKey,
  mlflowValue,
} from "../../../../infra/cli/export/tools/mlflow.ts";

describe("parameters", () => {
  it("are the options of a spec by their paths; a list is one value", () => {
    expect(
      flatParams({ name: "a", stop: { rounds: 3 }, seed: 0, transforms: [{ clip: 1 }], x: null }),
    ).toEqual([
      { key: "name", value: "a" },
      { key: "stop.rounds", value: "3" },
      { key: "seed", value: "0" },
      { key: "transforms", value: '[{"clip":1}]' },
      { key: "x", value: "null" },
    ]);
  });

  it("differ in their keys, also where those differ in signs that MLflow does not take", () => {
    const keys = flatParams({ a$b: 1, "a%b": 2, a_b: 3, ["é".repeat(400)]: 4 }).map(({ key }) => key);
    expect(keys.slice(0, 3)).toEqual(["a_b", "a_b_2", "a_b_3"]);
    expect(keys[3]).toHaveLength(250);
  });

  it("are cut, and never within a character", () => {
    expect(mlflowValue("x".repeat(501))).toHaveLength(500);
    expect(mlflowValue(`${"x".repeat(499)}😀`).isWellFormed()).toBe(true);
    expect(mlflowKey("score/top5Accuracy")).toBe("score/top5Accuracy");
  });
});

describe("batches", () => {
  it("hold all there is, in order, within the limits of a server", () => {
    const metric = fc.record({
      key: fc.string({ maxLength: 250 }).map(mlflowKey),
      value: fc.double({ noNaN: true, noDefaultInfinity: true }),
      timestamp: fc.nat(),
      step: fc.nat(),
    });
    const pair = fc.record({ key: fc.string({ maxLength: 250 }), value: fc.string({ maxLength: 500 }) });
    const content = fc.record({
      metrics: fc.array(metric, { maxLength: 2_500, size: "max" }),
      params: fc.array(pair, { maxLength: 250, size: "max" }),
      tags: fc.array(pair, { maxLength: 250, size: "max" }),
    });
    fc.assert(
      fc.property(content, (given) => {
        const batches = batchesOf(given);
        for (const kind of ["metrics", "params", "tags"] as const) {
          expect(batches.flatMap((batch) => batch[kind] as readonly unknown[])).toEqual(given[kind]);
        }
        for (const batch of batches) {
          expect(batch.metrics.length).toBeLessThanOrEqual(BATCH_LIMITS.metrics);
          expect(batch.params.length).toBeLessThanOrEqual(BATCH_LIMITS.params);
          expect(batch.tags.length).toBeLessThanOrEqual(BATCH_LIMITS.tags);
          expect(Buffer.byteLength(JSON.stringify({ run_id: "r".repeat(32), ...batch }))).toBeLessThan(
            1_000_000,
          );
        }
      }),
      { numRuns: 20 },
    );
  });

  it("of long keys are cut by their bytes", () => {
    const params = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: "\u0001".repeat(2_000) }));
    expect(batchesOf({ metrics: [], tags: [], params }).map((batch) => batch.params.length)).toEqual([
      74, 26,
    ]);
  });

  it("are none of nothing", () => {
    expect(batchesOf({ metrics: [], params: [], tags: [] })).toEqual([]);
  });
});

describe("the identity", () => {
  it.each([
    [{}, null],
    [{ MLFLOW_TRACKING_TOKEN: "" }, null],
    [{ MLFLOW_TRACKING_TOKEN: "t" }, "Bearer t"],
    [
      { MLFLOW_TRACKING_USERNAME: "a", MLFLOW_TRACKING_PASSWORD: "b", MLFLOW_TRACKING_TOKEN: "t" },
      "Basic YTpi",
    ],
    [{ MLFLOW_TRACKING_USERNAME: "a" }, null],
  ])("of %j is %s", (env, wanted) => {
    expect(mlflowAuthorization(env)).toBe(wanted);
  });
});
