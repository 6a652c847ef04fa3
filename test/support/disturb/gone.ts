// A client that is gone, in the end of a run: whether a later round invites it depends on the machine's load,
// and what else has happened must not.
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { RosterRecord } from "../../../shared/core/schemas/roster.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";

export interface Ended {
  readonly totals: Run["totals"];
  readonly eur: number | null;
  readonly rounds: readonly Round[];
  readonly invocations: readonly Invocation[];
  readonly roster: readonly (readonly [clientId: string, record: RosterRecord])[];
}

/**
 * The end of a run as if no round after the first had invited the client, which answers no call.
 *
 * A call to it fails at once. On a busy machine it may still be on its way as a round closes: then the client
 * counts as busy, and the next round leaves it out. Everything else is compared as it is.
 *
 * @throws Error where a later round leaves the client out that was not busy, where it brought anything, or
 *   where the run's rate does not follow from its totals.
 */
export function withoutGone(ended: Ended, clientId: string): Ended {
  const { totals, eur } = ended;
  if (eur !== rateOf(totals)) throw new Error(`The run's rate is ${eur}: ${JSON.stringify(totals)}`);
  const calls = ended.invocations.filter((invocation) => invocation.clientId === clientId);
  const first = ended.rounds[0];
  if (first?.cohort.includes(clientId) !== true) return ended;
  let busyUntilAt: number | null = null;
  let hidden = 0;
  const rounds = ended.rounds.map((round) => {
    const call = calls.find((invocation) => invocation.round === round.round);
    const isInvited = round.cohort.includes(clientId);
    if (isInvited !== (call !== undefined)) {
      throw new Error(`Cohort and invocations of round ${round.round} differ in ${clientId}.`);
    }
    if (!isInvited && (busyUntilAt ?? 0) <= round.openedAt) {
      throw new Error(`Round ${round.round} left out ${clientId}, which was not busy.`);
    }
    if (call !== undefined) {
      // As its round saw it: that the call was over sooner may have been seen since.
      const outcome = round.outcomes.find((one) => one.clientId === clientId && one.round === round.round);
      busyUntilAt = outcome?.busyUntilAt ?? call.callUntilAt;
      checkSilent(call, round, calls[0]);
    }
    if (round === first || !isInvited) return round;
    hidden += 1;
    return uninvited(round, clientId);
  });
  const left = { ...totals, invoked: totals.invoked - hidden, missed: totals.missed - hidden };
  return {
    totals: left,
    eur: rateOf(left),
    // Without the client, a round in which all others reported closes for that.
    rounds: rounds.map((round) =>
      round !== first && round.closeReason === "quorum" && round.counts.inTime === round.cohort.length
        ? { ...round, closeReason: "all-reported" as const }
        : round,
    ),
    invocations: ended.invocations.filter(
      (invocation) => invocation.clientId !== clientId || invocation.round === first.round,
    ),
    roster: ended.roster.map(([id, record]) =>
      id === clientId ? [id, invitedOnceOnly(record, first.round, hidden)] : [id, record],
    ),
  };
}

/** It brought nothing, and what became of the call is what became of the first one. */
function checkSilent(call: Invocation, round: Round, first: Invocation | undefined): void {
  const { clientId } = call;
  const result = round.outcomes.find((outcome) => outcome.clientId === clientId)?.result;
  const settled = [...round.consumed, ...round.dropped].some((update) => update.clientId === clientId);
  const isSilent = call.attempt === 0 && call.reportedAt === null && call.status === first?.status;
  if (settled || !isSilent || (result !== undefined && result !== "missed")) {
    throw new Error(`${clientId} is gone, and round ${round.round} has of it: ${call.status}, ${result}`);
  }
}

function uninvited(round: Round, clientId: string): Round {
  const { counts } = round;
  const missed = round.outcomes.some((outcome) => outcome.clientId === clientId) ? 1 : 0;
  return {
    ...round,
    cohort: round.cohort.filter((id) => id !== clientId),
    outcomes: round.outcomes.filter((outcome) => outcome.clientId !== clientId),
    counts: { ...counts, invoked: counts.invoked - 1, missed: counts.missed - missed },
  };
}

function invitedOnceOnly(record: RosterRecord, firstRound: number, hidden: number): RosterRecord {
  return {
    ...record,
    invocations: record.invocations - hidden,
    missedRounds: record.missedRounds.filter((round) => round === firstRound),
  };
}

function rateOf({ invoked, inTime }: Run["totals"]): number | null {
  return invoked === 0 ? null : inTime / invoked;
}
