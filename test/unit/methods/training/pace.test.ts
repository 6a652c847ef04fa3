// I-Prof's regression: by hand, how soon it predicts well, and that no report breaks it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { learnedPace, pooledPace, predictedWorkMs } from "../../../../shared/core/methods/training/pace.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { Pace } from "../../../../shared/core/schemas/pace.ts";

describe("a pace", () => {
  it("passes through the first report, on the line nearest to none", () => {
    const pace = learnedPace(undefined, 2, 10_000);
    // Within 1 % of it an error teaches nothing: 9,900 = θ·(1, 2), θ ∝ (1, 2).
    expect(pace.fixedMs).toBeCloseTo(9_900 / 5, 9);
    expect(pace.epochMs).toBeCloseTo((2 * 9_900) / 5, 9);
    expect(pace.reports).toBe(1);
  });

  it("takes half of the correction of the second report, and a fifth of later ones", () => {
    const before = { fixedMs: 0, epochMs: 1_000 };
    const predicted = (reports: number) =>
      predictedWorkMs(learnedPace({ ...before, reports }, 3, 4_000), 3) - 3_000;
    // Of an error of 1,000 ms, 960 are beyond the 1 %.
    expect(predicted(1)).toBeCloseTo(480, 9);
    expect(predicted(9)).toBeCloseTo(192, 9);
  });

  it("stays where a report is within one per cent", () => {
    const pace = { fixedMs: 0, epochMs: 1_000, reports: 3 };
    expect(learnedPace(pace, 1, 1_010)).toEqual({ ...pace, reports: 4 });
  });

  it("is sound whatever is reported", () => {
    const report = fc.record({
      epochs: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      ms: fc.double({ min: 0, max: 1e15, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(report, { minLength: 1, maxLength: 20 }), (reports) => {
        let pace: Pace | undefined;
        for (const { epochs, ms } of reports) pace = learnedPace(pace, epochs, ms);
        expect(Pace.safeParse(pace).success).toBe(true);
      }),
    );
  });

  it("of a client without reports is the mean of the others", () => {
    expect(pooledPace([])).toBeUndefined();
    const [one, other] = [
      { fixedMs: 10, epochMs: 100, reports: 1 },
      { fixedMs: 20, epochMs: 300, reports: 9 },
    ];
    expect(pooledPace([one, other])).toEqual({ fixedMs: 15, epochMs: 200 });
  });
});

it("predicts nine of ten durations within 15 % after ten reports, of work of any size", () => {
  let [good, all] = [0, 0];
  for (let client = 0; client < 300; client++) {
    const random = randomFrom("fleet", client);
    // The hidden line of a client, and reports that are up to 10 % off it.
    const [fixedMs, epochMs] = [2_000 * random.next(), 1_000 * Math.exp(random.normal())];
    const duration = (epochs: number) => (fixedMs + epochMs * epochs) * (1 + 0.2 * (random.next() - 0.5));
    let pace: Pace | undefined;
    for (let report = 0; report < 10; report++) {
      const epochs = 4 + random.int(7);
      pace = learnedPace(pace, epochs, duration(epochs));
    }
    if (pace === undefined) throw new Error("unreachable");
    for (let call = 0; call < 10; call++) {
      const epochs = 4 + random.int(7);
      const took = duration(epochs);
      all += 1;
      if (Math.abs(predictedWorkMs(pace, epochs) / took - 1) <= 0.15) good += 1;
    }
  }
  expect(good / all).toBeGreaterThanOrEqual(0.9);
});
