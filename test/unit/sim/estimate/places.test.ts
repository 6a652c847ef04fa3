// How many calls are served at once, told from their times.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { placesSeen, startLatencies } from "../../../../infra/sim/estimate/places.ts";
import { runs } from "../../../support/tier.ts";

const call = (sentMs: number, claimedMs: number | null, endedMs: number | null, coldMs = 0) => ({
  sentMs,
  claimedMs,
  endedMs,
  coldMs,
});

/** First come, first served, by so many. */
function served(places: number, workMs: readonly number[], latencyMs: number) {
  const freeAt = Array.from({ length: places }, () => 0);
  return workMs.map((ms) => {
    const at = freeAt.indexOf(Math.min(...freeAt));
    const claimedMs = (freeAt[at] ?? 0) + latencyMs;
    freeAt[at] = claimedMs + ms;
    return call(0, claimedMs, claimedMs + ms);
  });
}

describe("placesSeen", () => {
  test("is what others waited for", () => {
    const two = [call(0, 100, 1_100), call(0, 100, 1_200), call(0, 1_150, 2_100), call(0, 1_250, 2_200)];
    expect(placesSeen(two)).toBe(2);
  });

  test("is not known where nobody waited, of one call, of none, and of calls that were never claimed", () => {
    const all = [call(0, 100, 1_100), call(0, 110, 1_200), call(0, 90, 1_000)];
    expect(placesSeen(all)).toBeNull();
    expect(placesSeen([call(0, 5_000, 6_000)])).toBeNull();
    expect(placesSeen([])).toBeNull();
    expect(placesSeen([call(0, null, null), call(0, null, null)])).toBeNull();
  });

  test("a cold start is no wait", () => {
    const cold = [call(0, 9_000, 10_000, 8_900), call(0, 9_000, 10_000, 8_900), call(0, 100, 1_100)];
    expect(placesSeen(cold)).toBeNull();
  });

  test("an overlap by accident, as a call ends and the next begins, is none", () => {
    const one = [call(0, 0, 1_010), call(0, 1_000, 2_010), call(0, 2_000, 3_010), call(0, 3_000, 4_000)];
    expect(placesSeen(one)).toBe(1);
  });

  test("finds the number of a queue that is long enough, and its latency", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 800, max: 1_200 }), { minLength: 20, maxLength: 30 }),
        (places, workMs) => {
          const calls = served(places, workMs, 20);
          expect(placesSeen(calls)).toBe(places);
          const latencies = startLatencies(calls, places);
          // With others ending meanwhile it is 20 ms at the most.
          for (const ms of latencies) expect(ms).toBeLessThanOrEqual(20);
          if (places === 1) expect(Math.min(...latencies)).toBe(20);
        },
      ),
      { numRuns: runs(50) },
    );
  });
});

test("startLatencies takes the cold start off, and is of warm calls where there are any", () => {
  expect(startLatencies([call(0, 700, 1_000, 500)], null)).toEqual([200]);
  expect(startLatencies([call(0, 700, 1_000, 500), call(0, 60, 900)], null)).toEqual([60]);
  expect(startLatencies([call(100, 90, 200)], null), "clocks differ").toEqual([10]);
  expect(startLatencies([call(0, null, null)], null)).toEqual([]);
});
