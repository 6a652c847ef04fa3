// What a client's call took and cost: reported by the client, bounded by what the coordinator saw.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  coldStartMs,
  costBeforeClaim,
  costOfReport,
  reportedCost,
  unansweredCost,
  workMs,
} from "../../../shared/core/cost/clientCall.ts";
import { invocationCost, sumUsd } from "../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";

const prices = priceTables["cloud-run-2026"];
const capacity = { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 };
const usd = (durationMs: number) => invocationCost({ durationMs, ...capacity }, prices);
const nothing = {
  queueWaitMs: 0,
  coldStartMs: 0,
  claimMs: 0,
  downloadMs: 0,
  dataMs: 0,
  trainMs: 0,
  uploadMs: 0,
};
/** Invited at 0, claimed after 2 s, reported after 22 s. */
const seen = { invokedAt: 0, claimedAt: 2_000, reportedAt: 22_000 };

describe("workMs", () => {
  it("is what the coordinator saw, whatever a warm client reports", () => {
    expect(workMs(seen, nothing, false)).toBe(20_000);
    expect(workMs(seen, { ...nothing, trainMs: 540_000 }, false)).toBe(20_000);
  });

  it("of a cold client leaves out the cold start after its claim", () => {
    expect(workMs(seen, { ...nothing, coldStartMs: 3_000, trainMs: 17_500 }, true)).toBe(17_500);
    expect(workMs(seen, { ...nothing, coldStartMs: 3_000, trainMs: 16_000 }, true)).toBe(17_000);
    expect(workMs(seen, { ...nothing, coldStartMs: 0, trainMs: 1 }, true)).toBe(20_000);
    const scoring = { ...nothing, coldStartMs: 3_000, evaluateMs: 1_500, trainMs: 16_000 };
    expect(workMs(seen, scoring, true), "scoring is work as well").toBe(17_500);
    expect(workMs(seen, { ...nothing, coldStartMs: 3_000, trainMs: 540_000 }, true)).toBe(20_000);
  });

  it("is null before a claim and before a report", () => {
    expect(workMs({ ...seen, claimedAt: null }, nothing, false)).toBeNull();
    expect(workMs({ ...seen, reportedAt: null }, nothing, true)).toBeNull();
  });

  it("never makes a client faster than twice its speed, nor slower than it was", () => {
    const ms = fc.integer({ min: 0, max: 2_592_000_000 });
    const reported = fc.record({
      queueWaitMs: ms,
      coldStartMs: ms,
      claimMs: ms,
      downloadMs: ms,
      dataMs: ms,
      trainMs: ms,
      uploadMs: ms,
    });
    fc.assert(
      fc.property(reported, fc.boolean(), fc.nat(1_800_000), (timings, cold, took) => {
        const work = workMs({ invokedAt: 0, claimedAt: 500, reportedAt: 500 + took }, timings, cold) ?? -1;
        expect(work).toBeLessThanOrEqual(took);
        expect(work).toBeGreaterThanOrEqual(cold ? Math.max(took / 2, took - 15_000) : took);
      }),
    );
  });

  it("is no negative time by clocks that differ", () => {
    expect(workMs({ invokedAt: 9, claimedAt: 9, reportedAt: 5 }, nothing, false)).toBe(0);
  });
});

describe("coldStartMs", () => {
  it("is no longer than the invitation is old", () => {
    expect(coldStartMs(seen, { coldStartMs: 3_000 })).toBe(3_000);
    expect(coldStartMs(seen, { coldStartMs: 1e6 })).toBe(22_000);
  });
});

describe("reportedCost", () => {
  const invocation = { invokedAt: 0, claimedAt: 2_000, capacity };
  it.each([
    ["less than was seen", { trainMs: 0 }, 20_000],
    ["what was seen, and the cold start before the claim", { trainMs: 20_000, coldStartMs: 1_000 }, 21_000],
    ["more than there was time for", { trainMs: 540_000 }, 22_000],
    ["the wait in the queue, which is not billed", { trainMs: 20_000, queueWaitMs: 2_000 }, 20_000],
  ])("of a client that reports %s", (_, reported, billedMs) => {
    expect(reportedCost(invocation, { ...nothing, ...reported }, 22_000, prices)).toBe(usd(billedMs));
  });

  it("is never for longer than the function may take", () => {
    expect(reportedCost(invocation, nothing, 3_600_000, prices)).toBe(usd(540_000));
  });
});

describe("unansweredCost", () => {
  const warm = { invokedAt: 0, endedAt: null, coldStart: false, capacity, spentUsd: 0 };
  it.each([
    ["never claimed", null, 60_000, 0],
    ["claimed this moment", 1_000, 1_000, usd(0)],
    ["claimed by a clock that is ahead", 2_000, 1_000, usd(0)],
    ["at work", 1_000, 61_000, usd(60_000)],
    ["at work until its time-out (inclusive)", 0, 540_000, usd(540_000)],
    ["cut at its time-out, however long ago that was", 0, 3_600_000, usd(540_000)],
  ])("%s", (_, claimedAt, nowMs, expected) => {
    expect(unansweredCost({ ...warm, claimedAt }, nowMs, prices)).toBe(expected);
  });

  it("counts no time after the call was seen to be over", () => {
    const over = { ...warm, claimedAt: 1_000, endedAt: 31_000 };
    expect(unansweredCost(over, 3_600_000, prices)).toBe(usd(30_000));
    expect(unansweredCost({ ...over, endedAt: 500 }, 3_600_000, prices)).toBe(usd(0));
  });

  it("holds the time before a claim that started cold, and what attempts before it spent", () => {
    const second = { ...warm, coldStart: true, claimedAt: 3_000, spentUsd: 0.25 };
    expect(unansweredCost(second, 8_000, prices)).toBeCloseTo(0.25 + usd(8_000), 12);
    expect(unansweredCost({ ...second, claimedAt: null }, 8_000, prices)).toBe(0.25);
  });

  it("of a call on its way that was not claimed, counts from when it was sent", () => {
    const mostMs = capacity.timeoutSeconds * 1_000;
    const sent = { ...warm, claimedAt: null, callUntilAt: 1_000 + mostMs, refusedAt: null };
    expect(unansweredCost(sent, 1_000, prices)).toBe(usd(0));
    expect(unansweredCost(sent, 31_000, prices)).toBe(usd(30_000));
    expect(unansweredCost(sent, 3_600_000, prices), "to its end at the most").toBe(usd(mostMs));
    expect(unansweredCost({ ...sent, refusedAt: 21_000 }, 3_600_000, prices)).toBe(usd(20_000));
    expect(unansweredCost({ ...sent, endedAt: 11_000, spentUsd: 0.25 }, 3_600_000, prices)).toBeCloseTo(
      0.25 + usd(10_000),
      12,
    );
  });
});

describe("what claims and reports charge", () => {
  it("is the attempts before, the call, and the coordinator's own work, each in whole nanodollars", () => {
    const reported = { ...nothing, queueWaitMs: 9_000, trainMs: 4_000 };
    const first = {
      invokedAt: 0,
      claimedAt: 3_000,
      endedAt: null,
      coldStart: false,
      capacity,
      spentUsd: 0.25,
    };
    const called = reportedCost(first, reported, 8_000, prices);
    expect(called).toBe(usd(5_000));
    expect(costOfReport(first, reported, 0.125, 8_000, prices)).toBe(sumUsd([0.25, called, 0.125]));
    expect(costBeforeClaim({ ...first, claimedAt: null }, 0.125, 8_000, prices)).toBe(0.375);
    expect(costBeforeClaim(first, 0.125, 8_000, prices)).toBe(sumUsd([0.25, called, 0.125]));
  });
});
