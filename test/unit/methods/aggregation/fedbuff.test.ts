// FedBuff by hand: damped updates, divided by their number; the server's rate and momentum; one update alone
// as FedAsync takes it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fold, row, valuesOf } from "../../../support/folding.ts";

const model = [{ name: "w", shape: [2] }];
const polynomial = { weight: "polynomial", exponent: 0.5, maxRounds: 50 };

const folded = (options: object, updates: Parameters<typeof fold>[0]["updates"], base = row(1, 1)) =>
  fold({ aggregation: { strategy: "fedbuff", staleness: polynomial, ...options }, model, base, updates });

describe("fedbuff", () => {
  it("divides the damped sum by the number of updates, not by what they count for", async () => {
    // s = 1, (1 + 3)^-½ = ½, (1 + 8)^-½ = ⅓: (6 + ½ · 12 + ⅓ · 18) / 3 = 6, and 1 + 6.
    const { weights, consumed } = await folded({}, [
      { delta: row(6, 0) },
      { delta: row(12, 3), staleness: 3, samples: 50 },
      { delta: row(18, -4.5), staleness: 8 },
    ]);
    expect(valuesOf(weights)).toEqual([7, 1]);
    const shares = [1, 1 / 2, 1 / 3].map((part) => part / (11 / 6));
    for (const [i, { weight }] of consumed.entries()) expect(weight).toBeCloseTo(shares[i] ?? 0, 12);
  });

  it("steps by the server's rate, with momentum", async () => {
    const options = { serverLearningRate: 0.5, serverMomentum: 0.5 };
    const first = await folded(options, [{ delta: row(4, 0), staleness: 3 }]);
    // v = ½ · 4 = 2, w = 1 + ½ · 2.
    expect(valuesOf(first.weights)).toEqual([2, 1]);
    const second = await fold({
      aggregation: { strategy: "fedbuff", staleness: polynomial, ...options },
      model,
      base: first.weights,
      state: first.state,
      updates: [{ delta: row(1, 0) }],
    });
    // v = ½ · 2 + 1 = 2.
    expect(valuesOf(second.weights)).toEqual([3, 1]);
    expect(valuesOf(second.state ?? [])).toEqual([2, 0]);
  });

  it("of one update in time is FedAsync's published rule, x ← (1 − α) x + α x_new", async () => {
    // x = (1, 1), x_new = (5, −3), α = 0.75.
    const { weights } = await folded({ serverLearningRate: 0.75 }, [{ delta: row(4, -4) }]);
    expect(valuesOf(weights)).toEqual([0.25 * 1 + 0.75 * 5, 0.25 * 1 + 0.75 * -3]);
  });

  it.each([0, 1, 3, 24])("of one update %i versions old steps by α (1 + τ)^-½ of it", async (staleness) => {
    const { weights } = await folded({ serverLearningRate: 0.5 }, [{ delta: row(4, -8), staleness }]);
    const alpha = 0.5 / Math.sqrt(1 + staleness);
    const expected = [1 + alpha * 4, 1 - alpha * 8];
    for (const [i, value] of expected.entries()) expect(valuesOf(weights)[i]).toBeCloseTo(value, 6);
  });

  it("counts by samples where that is asked for", async () => {
    // (30 · 1 · 2 + 10 · ½ · 8) / 40 = 2.5.
    const { weights } = await folded({ counts: "by-samples" }, [
      { delta: row(2, 0), samples: 30 },
      { delta: row(8, 0), samples: 10, staleness: 3 },
    ]);
    expect(valuesOf(weights)).toEqual([3.5, 1]);
  });

  it("is the plain mean where nothing is late and samples are equal", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -64, max: 64 }), { minLength: 1, maxLength: 8 }),
        async (values) => {
          const updates = values.map((value) => ({ delta: row(value, 0) }));
          const average = await fold({
            aggregation: { strategy: "fedavg" },
            model,
            base: row(1, 1),
            updates,
          });
          const { weights } = await folded({}, updates);
          expect(valuesOf(weights)[0]).toBeCloseTo(valuesOf(average.weights)[0] ?? 0, 5);
        },
      ),
    );
  });
});
