// What few times of some clients say of all of them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pool, usual } from "../../../../infra/sim/estimate/pooling.ts";
import { rangeOf } from "../../../../infra/sim/estimate/quantiles.ts";

const times = fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 6 });

describe("pool", () => {
  test("of nothing is nothing", () => {
    expect(pool(new Map())).toBeNull();
    expect(pool(new Map([["a", []]]))).toBeNull();
    expect(usual([])).toBeNull();
  });

  test("a client that was seen often is what it was seen to be; of one that was never, any is to be expected", () => {
    const fast = Array.from({ length: 200 }, () => 100);
    const slow = Array.from({ length: 200 }, () => 1_600);
    const pooled = pool(
      new Map([
        ["fast", fast],
        ["slow", slow],
      ]),
    );
    expect(pooled?.of("fast").medianMs).toBeCloseTo(100, 0);
    expect(pooled?.of("slow").medianMs).toBeCloseTo(1_600, -1);
    expect(pooled?.of("other").medianMs).toBeCloseTo(400, 6);
    expect(pooled?.of("other").sd).toBeGreaterThan(10 * (pooled?.of("fast").sd ?? 1));
  });

  test("one time of a client is drawn to the others'", () => {
    const pooled = pool(
      new Map([
        ["a", [100]],
        ["b", [100]],
        ["c", [100]],
        ["d", [400]],
      ]),
    );
    const { medianMs = 0 } = pooled?.of("d") ?? {};
    expect(medianMs).toBeGreaterThan(150);
    expect(medianMs).toBeLessThan(400);
  });

  test("more times leave less doubt, and twice the times twice the median", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), times, { minKeys: 1, maxKeys: 6 }),
        (seen) => {
          const all = new Map(Object.entries(seen).map(([id, ms]) => [id, ms.map((one) => one + 10)]));
          const [once, more, doubled] = [
            pool(all),
            pool(new Map([...all].map(([id, ms]) => [id, [...ms, ...ms]]))),
            pool(new Map([...all].map(([id, ms]) => [id, ms.map((one) => 2 * one)]))),
          ];
          for (const id of [...all.keys(), "nobody"]) {
            const { medianMs = Number.NaN, sd = Number.NaN } = once?.of(id) ?? {};
            expect(sd).toBeGreaterThan(0);
            expect(doubled?.of(id).medianMs).toBeCloseTo(2 * medianMs, -Math.log10(medianMs) + 6);
            expect(more?.count).toBe(2 * (once?.count ?? 0));
          }
        },
      ),
    );
  });
});

test("usual says how far the median may be off, and how much times vary", () => {
  const { medianMs, sd, callSd } = usual([100, 100, 100, 100]) ?? { medianMs: 0, sd: 0, callSd: 0 };
  expect(medianMs).toBeCloseTo(100, 9);
  // Three priors of 0.25² and three free zeros: 0.25 / √2.
  expect(callSd).toBeCloseTo(0.25 / Math.SQRT2, 9);
  expect(sd).toBeCloseTo(callSd / 2, 9);
});

test("rangeOf goes straight between neighbours", () => {
  expect(rangeOf([5])).toEqual({ p10: 5, p50: 5, p90: 5 });
  const eleven = Array.from({ length: 11 }, (_, i) => 10 - i);
  expect(rangeOf(eleven)).toEqual({ p10: 1, p50: 5, p90: 9 });
  expect(rangeOf([0, 1]).p90).toBeCloseTo(0.9, 12);
});
