// Bounds of what a run costs: by hand, and never a figure where nothing is known.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { invocationCost } from "../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { boundOf, type KnownClient } from "../../../shared/core/cost/runBound.ts";

const prices = priceTables["cloud-run-2026"];
const capacity = { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 };
const known: KnownClient = { capacity, samples: 100, stepMs: 50, dataMs: 500 };
const unknown: KnownClient = { capacity, samples: null, stepMs: null, dataMs: null };
const run = {
  rounds: { least: 10, most: 10 },
  invited: { least: 2, most: 2 },
  localEpochs: 2,
  batchSize: 32,
};

describe("boundOf", () => {
  it("takes the timed steps at least, and the time-out at most", () => {
    // 2 epochs of 4 batches of 50 ms, and half a second of reading.
    const [least, most] = [0.9, 540].map((seconds) =>
      invocationCost({ durationMs: seconds * 1_000, ...capacity }, prices),
    );
    const { round, run: whole } = boundOf([known, known, known], run, prices);
    expect(round.clientInvocations).toEqual({ least: 2, most: 2 });
    expect(round.clientSeconds.least).toBeCloseTo(1.8);
    expect(round.clientSeconds.most).toBe(1_080);
    expect(round.clientsUsd.least).toBeCloseTo(2 * (least ?? 0), 9);
    expect(round.clientsUsd.most).toBeCloseTo(2 * (most ?? 0), 9);
    expect(whole.clientInvocations).toEqual({ least: 20, most: 20 });
    expect(whole.clientsUsd.most).toBeCloseTo(20 * (most ?? 0), 9);
  });

  it("says unknown, never 0, where one that may be invited is not known, or too few are registered", () => {
    const { round } = boundOf([known, unknown, known], run, prices);
    expect(round.clientSeconds).toEqual({ least: null, most: 1_080 });
    expect(round.clientsUsd.least).toBeNull();
    for (const clients of [[], [known]]) {
      expect(boundOf(clients, run, prices).round.clientsUsd).toEqual({ least: null, most: null });
    }
    const nobody = { ...run, invited: { least: 0, most: 0 } };
    expect(boundOf([known], nobody, prices).round.clientSeconds).toEqual({ least: null, most: null });
  });

  it("takes the cheapest clients at least, the dearest at most, and fewer rounds where a target may end it", () => {
    const slow = { ...known, stepMs: 500, capacity: { ...capacity, timeoutSeconds: 1_800 } };
    const { round, run: whole } = boundOf(
      [slow, known, known],
      { ...run, rounds: { least: 1, most: 10 } },
      prices,
    );
    expect(round.clientSeconds.least).toBeCloseTo(1.8);
    expect(round.clientSeconds.most).toBe(2_340);
    expect(whole.clientInvocations).toEqual({ least: 2, most: 20 });
  });

  it("keeps the order of its ends, and never works longer than the function may", () => {
    const client = fc.record({
      capacity: fc.constant(capacity),
      samples: fc.integer({ min: 1, max: 1e9 }),
      stepMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      dataMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true })),
    });
    fc.assert(
      fc.property(fc.array(client, { minLength: 2, maxLength: 5 }), (clients) => {
        for (const { least, most } of Object.values(boundOf(clients, run, prices).run)) {
          expect(least).not.toBeNull();
          expect(least ?? 0).toBeLessThanOrEqual((most ?? 0) + 1e-9);
        }
      }),
    );
  });
});
