// What is charged once a run has ended: reports that came too late for any round, and calls that were never
// answered.
import { describe, expect, it } from "vitest";
import { unansweredCost } from "../../../shared/core/cost/clientCall.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { LOOK_BACK_MS } from "../../../shared/core/roster/enrol.ts";
import { hasJustEnded, settle } from "../../../shared/core/round/settle.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { NO_COSTS, Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import {
  buildInvocation,
  buildReported,
  buildRound,
  buildRun,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const prices = priceTables["cloud-run-2026"];
const NOW = T0 + 3_600_000;
const run = deepFreeze(
  buildRun({ status: "completed", totals: { ...buildRun().totals, costUsd: 1, preparationUsd: 0.5 } }),
);
const round = deepFreeze(
  buildRound({ status: "closed", costUsd: 0.5, costs: { ...NO_COSTS, clientsUsd: 0.5 } }),
);

describe("settle", () => {
  it("charges a report that came after the run's end, once", () => {
    const late = deepFreeze(buildReported({ status: "expired", costUsd: 0.25, chargedUsd: 0.1 }));
    const settled = settle(run, round, late, NOW, prices);
    expect(settled?.run.totals).toMatchObject({ costUsd: 1.15, preparationUsd: 0.5 });
    expect(settled?.round).toMatchObject({
      costUsd: 0.65,
      costs: { ...NO_COSTS, clientsUsd: 0.5, afterwardsUsd: 0.15 },
    });
    expect(settled?.invocation).toEqual({ ...late, chargedUsd: 0.25, updatedAt: NOW });
    expect(isValid(Run, settled?.run)).toBe(true);
    expect(isValid(Round, settled?.round)).toBe(true);
    expect(settle(run, round, settled?.invocation ?? late, NOW, prices)).toBeNull();
  });

  it("charges an unanswered call for the whole of its time-out", () => {
    const silent = deepFreeze(
      buildInvocation({
        status: "missed",
        attempt: 1,
        claimedAt: T0 + 1_000,
        costUsd: 0.0001,
        costEstimated: true,
        chargedUsd: 0.0001,
      }),
    );
    const boundUsd = unansweredCost(silent, NOW, prices);
    const settled = settle(run, round, silent, NOW, prices);
    expect(settled?.invocation).toMatchObject({
      costUsd: boundUsd,
      chargedUsd: boundUsd,
      costEstimated: true,
    });
    expect(boundUsd).toBeGreaterThan(540 * 0.000024);
    expect(isValid(Invocation, settled?.invocation)).toBe(true);
    expect(settle(run, round, settled?.invocation ?? silent, NOW + 1e9, prices)).toBeNull();
    const until = T0 + 1_000 + 540_000;
    expect(settle(run, round, silent, until - 1, prices), "it may be at work yet").toBeNull();
    expect(settle(run, round, silent, until, prices)).not.toBeNull();
    const givenUp = deepFreeze({ ...silent, endedAt: T0 + 31_000 });
    const seenUsd = unansweredCost(givenUp, NOW, prices);
    expect(settle(run, round, givenUp, until - 1, prices)?.invocation.chargedUsd).toBe(seenUsd);
  });

  it("gives nothing back of what an estimate took too much", () => {
    const cheaper = buildReported({ status: "consumed", costUsd: 0.1, chargedUsd: 0.2 });
    expect(settle(run, round, cheaper, NOW, prices)).toBeNull();
  });

  it("charges a cancelled round for its opening", () => {
    const cancelled = deepFreeze(
      buildRound({ status: "cancelled", costUsd: null, costs: { ...NO_COSTS, coordinatorUsd: 0.3 } }),
    );
    const settled = settle(run, cancelled, deepFreeze(buildInvocation({ status: "cancelled" })), NOW, prices);
    expect(settled?.round.costUsd).toBe(0.3);
    expect(settled?.run.totals.costUsd).toBe(1.3);
    expect(
      settle(run, settled?.round ?? cancelled, buildInvocation({ status: "cancelled" }), NOW, prices),
    ).toBeNull();
  });
});

describe("hasJustEnded", () => {
  const opened = NOW - 300_000;

  it.each([
    ["is not known to be called", null, false],
    ["goes on", NOW + 1, false],
    ["ends this moment", NOW, true],
    ["ended since the round before was opened", opened + 1, true],
    ["may have been overlooked while that one was opened", opened - LOOK_BACK_MS + 1, true],
    ["was looked at then", opened - LOOK_BACK_MS, false],
  ])("a client that %s", (_what, busyUntilMs, expected) => {
    expect(hasJustEnded(busyUntilMs, opened, NOW)).toBe(expected);
  });
});
