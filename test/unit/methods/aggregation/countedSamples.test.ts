// What an update counts for: the steps done, and what its peers can vouch for.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countedSamples, plannedSteps } from "../../../../shared/core/methods/aggregation/countedSamples.ts";

const training = { localEpochs: 2, batchSize: 10 };
const whole = (samples: number) => ({ samples, steps: plannedSteps(samples, training) });

describe("the samples an update counts for", () => {
  test("are those it has where all of its steps are done", () => {
    expect(countedSamples([whole(20), whole(25)], training, 10)).toEqual([20, 25]);
  });

  test("are the share of the steps that were done", () => {
    expect(countedSamples([{ samples: 40, steps: 4 }, whole(40)], training, 10)).toEqual([20, 40]);
    const [partial = 0, full = 0] = countedSamples(
      [
        { samples: 40_000, steps: 2_928 },
        { samples: 1_000, steps: 1_000 },
      ],
      { localEpochs: 1, batchSize: 1 },
      10,
    );
    expect(partial / (partial + full)).toBeCloseTo(2_928 / 3_928, 12);
  });

  test("count the last, smaller batch as a step", () => {
    expect(plannedSteps(21, training)).toBe(6);
    expect(countedSamples([{ samples: 21, steps: 6 }], training, 10)).toEqual([21]);
  });

  test("are 1 at least, and never more for more steps than there are", () => {
    expect(countedSamples([{ samples: 40, steps: 0 }], training, 10)).toEqual([1]);
    expect(countedSamples([{ samples: 40, steps: 1e9 }], training, 10)).toEqual([40]);
  });

  test("are bounded by the median of those folded together, inclusively", () => {
    const reports = [10, 10, 10, 100, 101, 1e12].map(whole);
    expect(countedSamples(reports, training, 10)).toEqual([10, 10, 10, 100, 100, 100]);
    expect(countedSamples([10, 1e12].map(whole), training, 1)).toEqual([10, 10]);
    expect(countedSamples([1e12].map(whole), training, 1)).toEqual([1e12]);
    expect(countedSamples([], training, 10)).toEqual([]);
  });

  test("never give one update more than maxRatio times an ordinary one, whatever it reports", () => {
    const facts = fc.record({ samples: fc.integer({ min: 1, max: 1e9 }), steps: fc.nat(1e9) });
    fc.assert(
      fc.property(
        fc.array(facts, { minLength: 3, maxLength: 20 }),
        fc.integer({ min: 1, max: 50 }),
        (reports, ratio) => {
          const before = structuredClone(reports);
          const counted = countedSamples(reports, training, ratio);
          const sorted = counted.toSorted((a, b) => a - b);
          expect(Math.max(...counted)).toBeLessThanOrEqual(ratio * (sorted[(sorted.length - 1) >> 1] ?? 0));
          expect(counted.every((samples, i) => samples >= 1 && samples <= (reports[i]?.samples ?? 0))).toBe(
            true,
          );
          expect(reports).toEqual(before);
        },
      ),
    );
  });
});
