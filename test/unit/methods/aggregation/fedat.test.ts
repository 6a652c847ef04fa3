// FedAT's weights of the tiers, and the version that they make, by hand.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FedatOptions } from "../../../../shared/core/methods/aggregation/fedat/face.ts";
import { behaviour, tierWeights } from "../../../../shared/core/methods/aggregation/fedat/index.ts";
import { initialState, moveModel } from "../../../../shared/core/methods/aggregation/serverState.ts";
import { WeightedSum } from "../../../../shared/core/methods/aggregation/weightedSum.ts";
import { TrainingOptions } from "../../../../shared/core/methods/training/options.ts";
import { flatLayout } from "../../../../shared/core/updates/flat.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";

describe("what the models of the tiers count for", () => {
  it.each([
    // T_(M+1−m) / T: the slowest tier gets the count of the fastest.
    [
      [6, 3, 1],
      [0.1, 0.3, 0.6],
    ],
    [
      [4, 1],
      [0.2, 0.8],
    ],
    [
      [5, 4, 3, 2, 1],
      [1 / 15, 2 / 15, 3 / 15, 4 / 15, 5 / 15],
    ],
    // Not always the fastest has made the most.
    [
      [1, 3],
      [0.75, 0.25],
    ],
    // A tier that has made none has no model: those that have share all of it.
    [
      [1, 0, 0],
      [1, 0, 0],
    ],
    [
      [0, 0, 2],
      [0, 0, 1],
    ],
    [
      [4, 0, 1],
      [0.2, 0, 0.8],
    ],
    [
      [4, 1, 0],
      [0.2, 0.8, 0],
    ],
    [[], []],
    [
      [0, 0],
      [0, 0],
    ],
  ])("after %j versions are %j", (versions, weights) => {
    const found = tierWeights(versions);
    expect(found).toHaveLength(weights.length);
    for (const [i, weight] of weights.entries()) expect(found[i]).toBeCloseTo(weight, 12);
  });

  it("sum to 1, are the plain average of equal counts, and 0 for a tier without a version alone", () => {
    const count = fc.nat({ max: 10_000 });
    fc.assert(
      fc.property(fc.array(count, { minLength: 1, maxLength: 5 }), (versions) => {
        const given = Object.freeze([...versions]);
        const weights = tierWeights(given);
        const has = versions.some((made) => made > 0);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(has ? 1 : 0, 12);
        expect(weights.map((weight) => weight > 0)).toEqual(versions.map((made) => made > 0));
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 10_000 }), (tiers, made) => {
        for (const weight of tierWeights(Array.from({ length: tiers }, () => made)))
          expect(weight).toBeCloseTo(1 / tiers, 12);
      }),
    );
  });
});

describe("a version of FedAT", () => {
  const model = [
    { name: "w", shape: [2] },
    { name: "mean", shape: [1], role: "statistic" as const },
  ];
  const options = FedatOptions.parse({ strategy: "fedat", tiers: 2 });
  const training = TrainingOptions.parse({});
  const mean = (value: number) => ({ name: "mean", shape: [1], values: Float32Array.of(value) });

  /** One version of a tier's two clients, with 1 and 3 samples. */
  function make(
    start: readonly number[],
    state: ReturnType<typeof initialState>,
    tier: { number: number; weights: readonly number[] },
    deltas: readonly (readonly number[])[],
  ) {
    const layout = flatLayout(model);
    const sum = new WeightedSum(layout);
    for (const [i, delta] of deltas.entries()) sum.add([...row(...delta), mean(i)], i === 0 ? 1 : 3, 1);
    const moving = { step: behaviour.server ?? { state: [] }, state, options, training, tier };
    const base = [...row(...start), mean(7)];
    return moveModel(base, model, sum, moving, layout);
  }

  it("is the weighted mean of the last models of the tiers, each from the version that it began from", () => {
    const state = initialState(behaviour.server ?? { state: [] }, model, options);
    expect(state.map(({ name }) => name)).toEqual(["tier-1/w", "tier-2/w"]);
    // Tier 1 from (1, 2): the mean step is (1 × 4 + 3 × 0) / 4 = 1 and (0 + 3 × 8) / 4 = 6. It is alone.
    const first = make([1, 2], state, { number: 1, weights: [1, 0] }, [
      [4, 0],
      [0, 8],
    ]);
    expect(valuesOf(first)).toEqual([2, 8, 0.75]);
    // Tier 2 began from (1, 2) as well: its model is (1, 2) + (−1, −1); of counts (1, 1) the plain average.
    const second = make([1, 2], state, { number: 2, weights: [0.5, 0.5] }, [
      [-1, -1],
      [-1, -1],
    ]);
    expect(valuesOf(second)).toEqual([1, 4.5, 0.75]);
    // Tier 1 from the first version, (2, 8): its model is (3, 8), and of counts (2, 1) it has a third.
    const third = make([2, 8], state, { number: 1, weights: [1 / 3, 2 / 3] }, [
      [1, 0],
      [1, 0],
    ]);
    expect(valuesOf(third)[0]).toBeCloseTo(1, 6);
    expect(valuesOf(third)[1]).toBeCloseTo((8 + 2 * 1) / 3, 6);
    expect(state.map(({ values }) => [...values])).toEqual([
      [3, 8],
      [0, 1],
    ]);
  });

  it("is FedAvg's where nothing says of which tier the updates are", async () => {
    const of = {
      model: [{ name: "w", shape: [2] }],
      base: row(1, 2),
      updates: [
        { delta: row(4, 0), samples: 1 },
        { delta: row(0, 8), samples: 3 },
      ],
    };
    const averaged = await fold({ ...of, aggregation: { strategy: "fedavg" } });
    const tiers = await fold({ ...of, aggregation: { strategy: "fedat" } });
    expect(tiers.weights).toEqual(averaged.weights);
    expect(tiers.consumed).toEqual(averaged.consumed);
  });
});
