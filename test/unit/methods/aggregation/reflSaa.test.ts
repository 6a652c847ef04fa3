// REFL's weights of late updates: by hand, and their bounds.
import fc from "fast-check";
import { expect, it } from "vitest";
import { lateWeight } from "../../../../shared/core/methods/aggregation/refl-saa/index.ts";
import { fold, type GivenUpdate, row } from "../../../support/folding.ts";

const sharesOf = async (updates: readonly GivenUpdate[], options: object = {}) => {
  const aggregation = { strategy: "refl-saa", ...options };
  const { consumed } = await fold({
    aggregation,
    model: [{ name: "w", shape: [2] }],
    base: row(0, 0),
    updates,
  });
  return consumed.map(({ weight }) => weight);
};

it("equals a computation by hand", async () => {
  const shares = await sharesOf([
    { delta: row(1, 0), samples: 10 },
    { delta: row(3, 0), samples: 30 },
    { delta: row(2.5, 1), samples: 10, staleness: 1 },
    { delta: row(2.5, 2), samples: 20, staleness: 3 },
  ]);
  // The mean in time is (2.5, 0); the late ones lie 1 and 4 from it, squared.
  const weights = [
    10,
    30,
    10 * (0.65 / 2 + 0.35 * (1 - Math.exp(-1 / 4))),
    20 * (0.65 / 4 + 0.35 * (1 - Math.exp(-1))),
  ];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) expect(shares[i]).toBeCloseTo(weight / total, 6);
});

it("is FedAvg where none is late, and goes by age where none is in time or none disagrees", async () => {
  expect(
    await sharesOf([
      { delta: row(1, 1), samples: 1 },
      { delta: row(2, 2), samples: 3 },
    ]),
  ).toEqual([0.25, 0.75]);
  const late = await sharesOf([
    { delta: row(1, 1), staleness: 1 },
    { delta: row(2, 2), staleness: 3 },
  ]);
  expect(late[0]).toBeCloseTo(2 / 3, 12);
  const alike = await sharesOf([{ delta: row(1, 1) }, { delta: row(1, 1), staleness: 1 }], { beta: 1 / 3 });
  expect(alike[0]).toBeCloseTo(3 / 4, 12);
});

it("never weighs a late update as one in time, and more the more it disagrees, or the younger it is", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), share, share, share, (staleness, one, other, beta) => {
      const [less, more] = [Math.min(one, other), Math.max(one, other)];
      const weight = lateWeight(staleness, less, beta);
      expect(weight).toBeGreaterThanOrEqual(0);
      expect(weight).toBeLessThan(1);
      expect(lateWeight(staleness, more, beta)).toBeGreaterThanOrEqual(weight);
      expect(lateWeight(staleness + 1, less, beta)).toBeLessThanOrEqual(weight);
    }),
  );
});
