// How long a run's calls should wait for their functions, by those that are over.
import { describe, expect, it } from "vitest";
import { expectedQueueWaitMs } from "../../../shared/core/round/queueWait.ts";
import { RoundSpec } from "../../../shared/core/schemas/spec.ts";
import { buildReported, buildRun } from "../../support/builders.ts";

const adaptive = { kind: "adaptive", quantile: 0.5 } as const;
const run = (queueWaitMs?: number, deadline: object = adaptive) => {
  const built = buildRun(queueWaitMs === undefined ? {} : { queueWaitMs });
  return { ...built, spec: { ...built.spec, round: RoundSpec.parse({ deadline }) } };
};
const waited = (queueWaitMs: number, untilClaimMs = 60_000) => {
  const reported = buildReported();
  if (reported.timings === null) throw new Error("It has no timings.");
  const { invokedAt, timings } = reported;
  return { ...reported, timings: { ...timings, queueWaitMs }, claimedAt: invokedAt + untilClaimMs };
};

describe("the wait that the next round expects", () => {
  it("is that of the share of the clients that the deadline waits for", () => {
    expect(expectedQueueWaitMs(run(), [waited(3_000), waited(10), waited(20), waited(5_000)])).toBe(20);
    expect(
      expectedQueueWaitMs(run(undefined, { ...adaptive, quantile: 1 }), [waited(10), waited(5_000)]),
    ).toBe(5_000);
  });

  it("falls by half at most, for those that waited longest may not have reported", () => {
    expect(expectedQueueWaitMs(run(4_000), [waited(10)])).toBe(2_000);
    expect(expectedQueueWaitMs(run(4_000), [])).toBe(2_000);
    expect(expectedQueueWaitMs(run(4_000), [waited(9_000)])).toBe(9_000);
  });

  it("believes a client no more than the time from its invitation to its claim", () => {
    expect(expectedQueueWaitMs(run(), [waited(1e9, 700)])).toBe(700);
    expect(expectedQueueWaitMs(run(), [waited(1e9, -5)])).toBe(0);
  });

  it("is nothing without reports, and not there where the deadline is fixed", () => {
    expect(expectedQueueWaitMs(run(), [{ ...buildReported(), timings: null }])).toBe(0);
    expect(expectedQueueWaitMs(run(4_000, { kind: "fixed" }), [waited(10)])).toBeUndefined();
  });
});
