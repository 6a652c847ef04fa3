// What ends although it cannot be done: bounded folds of a round, and runs that are held with the reason.
import { describe, expect, it } from "vitest";
import {
  failedForGood,
  foldBegun,
  foldFailed,
  foldsExhausted,
  gaveUpFolding,
  MAX_FOLD_ATTEMPTS,
} from "../../../shared/core/round/giveUp.ts";
import { publish } from "../../../shared/core/round/publish.ts";
import { buildReported, buildRound, buildRun, deepFreeze, T0 } from "../../support/builders.ts";

const aggregating = deepFreeze(
  buildRound({ status: "aggregating", inputs: [{ round: 1, clientId: "client-a", attempt: 1 }] }),
);
const begun = (times: number) =>
  Array.from({ length: times }).reduce<typeof aggregating>((round) => foldBegun(round), aggregating);

describe("the folds of a round", () => {
  it("are counted, taken back when they fail with an error of their own, and bounded", () => {
    expect(foldBegun(aggregating).foldAttempts).toBe(1);
    expect(foldFailed(begun(2)).foldAttempts).toBe(1);
    expect(foldFailed(aggregating)).toBe(aggregating);
    expect(foldsExhausted(aggregating, 2_048)).toBeNull();
    expect(foldsExhausted(begun(MAX_FOLD_ATTEMPTS), 2_048)).toBeNull();
    expect(foldsExhausted(begun(MAX_FOLD_ATTEMPTS + 1), 2_048)).toMatch(/Round 1 .* 5 times .* 2048 MiB/);
  });

  it.each(["training", "closed", "degraded", "cancelled"] as const)(
    "are no concern of a round that is %s",
    (status) => {
      const round = deepFreeze(buildRound({ status, foldAttempts: 2 }));
      expect(foldBegun(round)).toBe(round);
      expect(foldFailed(round)).toBe(round);
    },
  );

  it("leave no count on a round that is published", () => {
    const nothing = { consumed: [], dropped: [], newVersion: null, aggregateMs: 0, aggregateCostUsd: 0 };
    const published = publish(buildRun(), begun(2), nothing, [buildReported()], [], () => 0, T0);
    expect(published?.round).not.toHaveProperty("foldAttempts");
  });
});

describe("gaveUpFolding", () => {
  it.each([
    ["running", "paused"],
    ["paused", "paused"],
    ["ready", "ready"],
  ] as const)("leaves a run that is %s %s, with the reason and without a request", (status, after) => {
    const run = deepFreeze(buildRun({ status, openRound: 1, round: 1 }));
    const nothing = { consumed: [], dropped: [], newVersion: null, aggregateMs: 0, aggregateCostUsd: 0 };
    const published = publish(run, aggregating, nothing, [buildReported()], [], () => 0, T0);
    if (published === null) throw new Error("Nothing was published.");
    const given = gaveUpFolding(published, `because ${"\ud800".repeat(3_000)}`, T0 + 1);
    expect(given.run).toMatchObject({ status: after, openRound: null, modelVersion: 0 });
    expect(given.run.openRequest.pending).toBe(false);
    expect(given.run.statusReason).toHaveLength(2_000);
    expect(given.run.statusReason?.isWellFormed()).toBe(true);
    expect(given.round.status).toBe("degraded");
    expect(given.commands).toEqual([]);
  });
});

describe("failedForGood", () => {
  it("ends a run with the reason, and leaves one that has ended as it is", () => {
    const run = deepFreeze(buildRun({ status: "running", openRequest: { number: 2, pending: true } }));
    expect(failedForGood(run, "why", T0 + 1)).toEqual({
      ...run,
      status: "failed",
      statusReason: "why",
      openRequest: { number: 2, pending: false },
      endedAt: T0 + 1,
      swept: true,
      updatedAt: T0 + 1,
    });
    for (const status of ["completed", "cancelled", "failed"] as const) {
      const ended = deepFreeze(buildRun({ status }));
      expect(failedForGood(ended, "why", T0 + 1)).toBe(ended);
    }
  });
});
