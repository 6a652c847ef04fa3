// What an invocation did when: spans in order, within the time that there was.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { invocationTimeline, PHASES } from "../../../shared/core/round/spans.ts";
import { buildInvocation } from "../../support/builders.ts";

const T = 1_000_000;
const timings = {
  queueWaitMs: 10,
  coldStartMs: 700,
  claimMs: 20,
  downloadMs: 30,
  dataMs: 40,
  trainMs: 1_000,
  uploadMs: 50,
  reportMs: 5,
};
const none = { claimedAt: null, reportedAt: null, endedAt: null, refusedAt: null, timings: null };
const at = (facts: Partial<Parameters<typeof invocationTimeline>[0]>, untilMs = T + 9_000) =>
  invocationTimeline(buildInvocation({ ...none, invokedAt: T, ...facts }), untilMs);

describe("the timeline of an invocation", () => {
  it("ends with its report, where its last phase does", () => {
    const { startMs, endMs, spans } = at({ claimedAt: T + 900, reportedAt: T + 3_000, timings });
    expect([startMs, endMs]).toEqual([T, T + 3_000]);
    expect(spans.map(({ phase }) => phase)).toEqual([
      "queue",
      "cold start",
      "claim",
      "download",
      "data",
      "train",
      "upload",
      "report",
    ]);
    expect(spans.at(-1)).toEqual({ phase: "report", startMs: T + 2_995, endMs: T + 3_000 });
    expect(spans.find(({ phase }) => phase === "train")).toEqual({
      phase: "train",
      startMs: T + 1_945,
      endMs: T + 2_945,
    });
    expect(spans[0]?.startMs, "what nobody measured is in front").toBe(T + 3_000 - 1_855);
  });

  it("has the scoring between data and training, and no phase that took no time", () => {
    const phases = at({
      reportedAt: T + 3_000,
      timings: { ...timings, evaluateMs: 9, coldStartMs: 0 },
    }).spans;
    expect(phases.map(({ phase }) => phase)).toEqual([
      "queue",
      "claim",
      "download",
      "data",
      "evaluate",
      "train",
      "upload",
      "report",
    ]);
  });

  it("cuts the earliest phases where a client's clock ran ahead", () => {
    const { spans } = at({ reportedAt: T + 1_000, timings });
    expect(spans[0]).toEqual({ phase: "train", startMs: T, endMs: T + 945 });
  });

  it("without a report says from when nothing was heard", () => {
    expect(at({ claimedAt: T + 100, endedAt: T + 500 }).spans).toEqual([
      { phase: "queue", startMs: T, endMs: T + 100 },
      { phase: "unreported", startMs: T + 100, endMs: T + 500 },
    ]);
    expect(at({}, T + 60).spans).toEqual([{ phase: "queue", startMs: T, endMs: T + 60 }]);
    expect(at({ claimedAt: T + 100 }, T + 50)).toMatchObject({ endMs: T + 100 });
    expect(at({ refusedAt: T }).spans).toEqual([]);
  });

  it("is in order, without overlaps, and within its time, whatever a client reports", () => {
    const ms = fc.double({ min: 0, max: 2_592_000_000, noNaN: true });
    const instant = fc.option(fc.integer({ min: T - 100_000, max: T + 100_000 }));
    fc.assert(
      fc.property(
        fc.record({ claimedAt: instant, reportedAt: instant, endedAt: instant, refusedAt: instant }),
        fc.option(
          fc.record({
            queueWaitMs: ms,
            coldStartMs: ms,
            claimMs: ms,
            downloadMs: ms,
            dataMs: ms,
            evaluateMs: ms,
            trainMs: ms,
            uploadMs: ms,
            reportMs: ms,
          }),
        ),
        fc.integer({ min: T - 100_000, max: T + 100_000 }),
        (facts, reported, untilMs) => {
          const { startMs, endMs, spans } = at({ ...facts, timings: reported }, untilMs);
          expect(endMs).toBeGreaterThanOrEqual(startMs);
          let before = startMs;
          let place = -1;
          for (const span of spans) {
            expect(span.startMs).toBeGreaterThanOrEqual(before);
            expect(span.endMs).toBeGreaterThan(span.startMs);
            expect(PHASES.indexOf(span.phase)).toBeGreaterThan(place);
            place = PHASES.indexOf(span.phase);
            before = span.endMs;
          }
          expect(before).toBeLessThanOrEqual(endMs);
        },
      ),
    );
  });
});
