// Marks on invocations after a round is published: what became of each. They follow the publication and may
// be repeated.
import { sumUsd } from "../cost/cost.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { Round } from "../schemas/round.ts";
import { isBuffered } from "./buffered.ts";
import { updateKey, updateOf } from "./inbox.ts";
import { OVERDUE } from "./report.ts";
import { released } from "./retention.ts";
import { missedReason } from "./shortfall.ts";

/** The invocation as the published round left it, or null when the round has nothing (more) to say of it. */
export function markAfter(round: Round, invocation: Invocation, nowMs: number): Invocation | null {
  const update = updateOf(invocation);
  if (update !== null) {
    const key = updateKey(update);
    const consumed = round.consumed.find((candidate) => updateKey(candidate) === key);
    if (consumed !== undefined) {
      if (invocation.status === "consumed") return null;
      return {
        ...released(invocation, nowMs),
        status: "consumed",
        staleness: consumed.staleness,
        weight: consumed.weight,
        consumedInRound: round.round,
        chargedUsd: Math.max(invocation.chargedUsd, invocation.costUsd ?? 0),
        updatedAt: nowMs,
      };
    }
    const dropped = round.dropped.find((candidate) => updateKey(candidate) === key);
    if (dropped !== undefined) {
      if (invocation.status === dropped.fate) return null;
      return {
        ...released(invocation, nowMs),
        status: dropped.fate,
        failure: { code: dropped.fate, message: dropped.reason },
        chargedUsd: Math.max(invocation.chargedUsd, invocation.costUsd ?? 0),
        updatedAt: nowMs,
      };
    }
  }
  const outcome = round.outcomes.find(
    (candidate) => candidate.clientId === invocation.clientId && candidate.round === invocation.round,
  );
  if (outcome?.result === "missed" && (invocation.status === "invoked" || invocation.status === "training")) {
    return {
      ...invocation,
      status: "missed",
      failure: { code: "missed", message: missedReason(invocation) },
      costUsd: sumUsd([invocation.chargedUsd, outcome.costUsd]),
      costEstimated: true,
      chargedUsd: sumUsd([invocation.chargedUsd, outcome.costUsd]),
      updatedAt: nowMs,
    };
  }
  if (outcome?.result === "missed" && isBuffered(round) && isWaiting(invocation)) {
    // It came between the decision and this mark, and no round carries it any more.
    return {
      ...released(invocation, nowMs),
      status: "expired",
      failure: { code: "expired", message: OVERDUE },
      chargedUsd: sumUsd([invocation.chargedUsd, outcome.costUsd]),
      updatedAt: nowMs,
    };
  }
  // Of one whose update is settled this may be a copy from before its report: its mark is the settled
  // update's alone.
  if (outcome === undefined || isSettled(round, invocation)) return null;
  // Keep what it reported, between the close and this mark perhaps; remember what was charged. A late one is
  // charged the rest.
  const { result } = outcome;
  const isRest = result === "late" || (isBuffered(round) && result !== "goes-on" && result !== "missed");
  const chargedUsd = isRest ? (invocation.costUsd ?? 0) : outcome.costUsd;
  return invocation.chargedUsd < chargedUsd ? { ...invocation, chargedUsd, updatedAt: nowMs } : null;
}

function isWaiting({ status }: Invocation): boolean {
  return status === "reported" || status === "late";
}

function isSettled(round: Round, invocation: Invocation): boolean {
  return [...round.consumed, ...round.dropped].some(
    (update) => update.round === invocation.round && update.clientId === invocation.clientId,
  );
}
