// Both ways of counting against sums done by hand.
import { describe, expect, it } from "vitest";
import { createAccounting } from "../../../../infra/sim/accounting/accounting.ts";
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import { buildInvocation, buildReported, buildRound, T0 } from "../../../support/builders.ts";

function closed(openedAt: number, trainingMs: number, inTime: number, costUsd: number): Round {
  const round = buildRound({ openedAt, closedAt: openedAt + trainingMs + 3_000, costUsd });
  return {
    ...round,
    timings: { ...round.timings, trainingMs },
    counts: { ...round.counts, invoked: 2, inTime },
  };
}

/** A call of 2 GiB that ended well: ten seconds of work after two of cold start. */
function worked(): Invocation {
  const invocation = buildReported();
  const timings = invocation.timings ?? { reportMs: 0 };
  return { ...invocation, timings: { ...zero, ...timings, coldStartMs: 2_000, trainMs: 10_450 } };
}
const zero = {
  queueWaitMs: 0,
  coldStartMs: 0,
  claimMs: 0,
  downloadMs: 0,
  dataMs: 0,
  trainMs: 0,
  uploadMs: 0,
};

/** $0.000029 a second of 2 GiB at 2.4 GHz (2 × 2.5e-6 + 2.4 × 1e-5), and $0.0000004 a call. */
const publishedUsd = (billedSeconds: number): number => billedSeconds * 2.9e-5 + 4e-7;

describe("published", () => {
  it("lets a round with a failure last its time-out, and one without as long as it did", () => {
    const accounting = createAccounting("published", 40_000);
    accounting.add(closed(T0, 12_000, 2, 99), []);
    expect(accounting.timeMs).toBe(12_000);
    accounting.add(closed(T0 + 60_000, 12_000, 1, 99), []);
    expect(accounting.timeMs).toBe(12_000 + 40_000);
    accounting.add(closed(T0 + 120_000, 55_000, 1, 99), []);
    expect(accounting.timeMs).toBe(12_000 + 40_000 + 55_000);
    expect(accounting.costUsd).toBe(0);
  });

  it("charges work by whole seconds and a tenth, a crash its time-out, silence nothing", () => {
    const accounting = createAccounting("published", 40_000);
    accounting.add(closed(T0, 12_000, 1, 99), [worked()]);
    expect(accounting.costUsd).toBeCloseTo(publishedUsd(12.1), 9);
    accounting.add(closed(T0, 12_000, 1, 99), [buildInvocation({ status: "failed" })]);
    expect(accounting.costUsd).toBeCloseTo(publishedUsd(12.1) + publishedUsd(40.1), 9);
    accounting.add(closed(T0, 12_000, 1, 99), [buildInvocation({ status: "missed" })]);
    expect(accounting.costUsd).toBeCloseTo(publishedUsd(12.1) + publishedUsd(40.1), 9);
  });
});

describe("platform", () => {
  it("takes from the opening of the first round to the close of the last, and what the core charges", () => {
    const accounting = createAccounting("platform", 40_000);
    expect([accounting.timeMs, accounting.costUsd]).toEqual([0, 0]);
    accounting.add(closed(T0, 12_000, 1, 0.25), [worked()]);
    expect([accounting.timeMs, accounting.costUsd]).toEqual([15_000, 0.25]);
    accounting.add(closed(T0 + 100_000, 20_000, 2, 0.5), [worked()]);
    expect([accounting.timeMs, accounting.costUsd]).toEqual([123_000, 0.75]);
  });
});
