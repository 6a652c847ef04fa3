// The learning rate of each round, against Keras' schedules with rounds for steps.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { learningRateOf } from "../../../../shared/core/methods/training/learningRate.ts";
import { LearningRateSchedule } from "../../../../shared/core/methods/training/scheduleOptions.ts";

interface Case {
  readonly schedule: { readonly kind: string };
  readonly learningRate: number;
  readonly rates: readonly number[];
}

const { schedules }: { schedules: readonly Case[] } = JSON.parse(
  readFileSync(new URL("../../../vectors/keras/training.json", import.meta.url), "utf8"),
);

describe("a learning rate", () => {
  test.each(schedules.map((entry) => [JSON.stringify(entry.schedule), entry] as const))(
    "by the schedule %s is Keras'",
    (_, { schedule, learningRate, rates }) => {
      const read = LearningRateSchedule.parse(schedule);
      rates.forEach((rate, i) => {
        expect(learningRateOf({ learningRate, schedule: read }, i + 1)).toBeCloseTo(rate, 7);
      });
    },
  );

  test("without a schedule is the same in every round", () => {
    expect([1, 2, 9_999].map((round) => learningRateOf({ learningRate: 0.3 }, round))).toEqual([
      0.3, 0.3, 0.3,
    ]);
  });

  test("of a constant one rises in equal steps, and is whole in the round after them", () => {
    const schedule = LearningRateSchedule.parse({ kind: "constant", warmupRounds: 3 });
    const rates = [1, 2, 3, 4, 5].map((round) => learningRateOf({ learningRate: 1, schedule }, round));
    expect(rates).toEqual([0.25, 0.5, 0.75, 1, 1]);
  });

  test("is never above the full one nor below zero", () => {
    const warmupRounds = fc.integer({ min: 0, max: 50 });
    const any = fc.oneof(
      fc.record({ kind: fc.constant("constant" as const), warmupRounds }),
      fc.record({
        kind: fc.constant("step" as const),
        warmupRounds,
        everyRounds: fc.integer({ min: 1, max: 50 }),
        factor: fc.double({ min: 0.01, max: 1, noNaN: true }),
      }),
      fc.record({
        kind: fc.constant("cosine" as const),
        warmupRounds,
        rounds: fc.integer({ min: 1, max: 50 }),
        floor: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 9_999 }), (schedule, round) => {
        const rate = learningRateOf({ learningRate: 2, schedule }, round);
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(2 * (1 + 1e-12));
      }),
    );
  });

  test.each([{ kind: "step" }, { kind: "cosine" }, { kind: "cosine", rounds: 0 }, { kind: "linear" }, {}])(
    "has no schedule %j",
    (schedule) => expect(LearningRateSchedule.safeParse(schedule).success).toBe(false),
  );
});
