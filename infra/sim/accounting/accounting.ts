// What a simulated run took and cost, by one of two ways of counting.
import { invocationCost } from "../../../shared/core/cost/cost.ts";
import { type PriceTable, priceTables } from "../../../shared/core/cost/prices.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";

/**
 * `platform`: the time from opening the first round to closing the last, and what the core charges.
 * `published`: as FedLesScan's authors counted: client phases only, and a round with a failure lasts its
 * time-out at least; a call that failed is charged the whole time-out, one that never answered is not charged
 * at all.
 */
export type AccountingName = "published" | "platform";

export interface Accounting {
  add(round: Round, cohort: readonly Invocation[]): void;
  /** What was charged for a call after its round. */
  settle(usd: number): void;
  readonly timeMs: number;
  readonly costUsd: number;
}

/** @param timeoutMs what a round with a failure lasts, as published. */
export function createAccounting(name: AccountingName, timeoutMs: number): Accounting {
  return name === "published"
    ? publishedAccounting(timeoutMs, priceTables["fedlesscan-2022"])
    : platformAccounting();
}

function platformAccounting(): Accounting {
  let [openedMs, closedMs, costUsd]: [number | null, number, number] = [null, 0, 0];
  return {
    add: (round) => {
      openedMs ??= round.openedAt;
      closedMs = round.closedAt ?? closedMs;
      costUsd += round.costUsd ?? 0;
    },
    settle: (usd) => {
      costUsd += usd;
    },
    get timeMs() {
      return openedMs === null ? 0 : closedMs - openedMs;
    },
    get costUsd() {
      return costUsd;
    },
  };
}

function publishedAccounting(timeoutMs: number, prices: PriceTable): Accounting {
  let [timeMs, costUsd] = [0, 0];
  return {
    add: (round, cohort) => {
      const phaseMs = round.timings.trainingMs ?? 0;
      timeMs += round.counts.inTime < round.counts.invoked ? Math.max(phaseMs, timeoutMs) : phaseMs;
      for (const invocation of cohort) costUsd += chargedUsd(invocation, timeoutMs, prices);
    },
    settle: () => undefined,
    get timeMs() {
      return timeMs;
    },
    get costUsd() {
      return costUsd;
    },
  };
}

function chargedUsd(
  { status, timings, capacity }: Invocation,
  timeoutMs: number,
  prices: PriceTable,
): number {
  if (status === "failed") return invocationCost({ durationMs: timeoutMs, ...capacity }, prices);
  if (timings === null) return 0;
  return invocationCost({ durationMs: timings.coldStartMs + timings.trainMs, ...capacity }, prices);
}
