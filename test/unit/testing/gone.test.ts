// Ends of disturbed runs: what load makes of a client that is gone is not compared, and everything else is.
import { describe, expect, test } from "vitest";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import {
  buildInvocation,
  buildOutcome,
  buildRecord,
  buildRound,
  buildRun,
  T0,
} from "../../support/builders.ts";
import { type Ended, withoutGone } from "../../support/disturb/gone.ts";

const GONE = "client-c";

/** Two rounds of two clients that work and one that is gone. `invites`: whether the second invites it, too. */
function ended(invites: boolean, callUntilAt: number | null = invites ? null : T0 + 15_000): Ended {
  const rounds = [roundOf(1, true), roundOf(2, invites)];
  const [invoked, inTime, missed] = [invites ? 6 : 5, 4, invites ? 2 : 1];
  return {
    totals: { ...buildRun().totals, invoked, inTime, missed },
    eur: inTime / invoked,
    rounds,
    invocations: rounds.flatMap(({ round, cohort }) =>
      cohort.map((clientId) => invocationOf(round, clientId, callUntilAt)),
    ),
    roster: [
      ["client-a", buildRecord({ invocations: 2 })],
      ["client-b", buildRecord({ invocations: 2 })],
      [GONE, buildRecord({ invocations: invites ? 2 : 1, missedRounds: invites ? [1, 2] : [1] })],
    ],
  };
}

function roundOf(round: number, invites: boolean): Round {
  const cohort = ["client-a", "client-b", ...(invites ? [GONE] : [])];
  const openedAt = T0 + 5_000 * (round - 1);
  const built = buildRound({ round, cohort, wanted: 3, consideredCount: 3, openedAt });
  return {
    ...built,
    status: "closed",
    closeReason: invites ? "quorum" : "all-reported",
    counts: { ...built.counts, inTime: 2, missed: invites ? 1 : 0 },
    outcomes: cohort.map((clientId) =>
      buildOutcome({ clientId, round, result: clientId === GONE ? "missed" : "in-time" }),
    ),
  };
}

function invocationOf(round: number, clientId: string, callUntilAt: number | null): Invocation {
  return clientId === GONE
    ? buildInvocation({ round, clientId, status: "missed", callUntilAt: round === 1 ? callUntilAt : null })
    : buildInvocation({ round, clientId, status: "consumed", attempt: 1, reportedAt: T0 + 1_000 });
}

/** As compared: less what the clock says. */
const compared = (end: Ended) => {
  const { invocations, ...rest } = withoutGone(end, GONE);
  return { ...rest, invocations: invocations.map((invocation) => ({ ...invocation, callUntilAt: null })) };
};

test("a run ends alike, whether a later round invites the client or it is busy then", () => {
  expect(compared(ended(false))).toEqual(compared(ended(true)));
  expect(compared(ended(true)).eur).toBe(4 / 5);
});

test("a run that never had the client is compared as it is", () => {
  const rounds = [roundOf(1, false)];
  const end = { ...ended(false), rounds, invocations: [] };
  expect(withoutGone(end, GONE)).toBe(end);
});

test("the client may be left out that its round had as busy, though its call was seen to be over since", () => {
  const [first, second] = ended(false, null).rounds as [Round, Round];
  const outcomes = first.outcomes.map((outcome) =>
    outcome.clientId === GONE ? { ...outcome, busyUntilAt: T0 + 15_000 } : outcome,
  );
  const end = { ...ended(false, null), rounds: [{ ...first, outcomes }, second] };
  expect(withoutGone(end, GONE).totals.invoked).toBe(5);
});

describe("refused", () => {
  const broken = (end: Ended) => () => withoutGone(end, GONE);

  test.each([
    ["not at all", null],
    ["only until the round opens", T0 + 5_000],
  ])("to leave the client out that is busy %s", (_, callUntilAt) => {
    expect(broken(ended(false, callUntilAt))).toThrow("left out client-c, which was not busy");
  });

  test("an update of the client", () => {
    const [first, second] = ended(true).rounds as [Round, Round];
    const consumed = [{ clientId: GONE, round: 2, attempt: 1, samples: 1, staleness: 0, weight: 1 }];
    expect(broken({ ...ended(true), rounds: [first, { ...second, consumed }] })).toThrow("client-c is gone");
  });

  test.each<Partial<Invocation>>([{ attempt: 1 }, { reportedAt: T0 }, { status: "invoked" }])(
    "a call that came to something else: %j",
    (change) => {
      const invocations = ended(true).invocations.map((invocation) =>
        invocation.clientId === GONE && invocation.round === 2 ? { ...invocation, ...change } : invocation,
      );
      expect(broken({ ...ended(true), invocations })).toThrow("client-c is gone, and round 2 has of it");
    },
  );

  test("an invocation that no cohort names, and one that is lost", () => {
    const { invocations } = ended(true);
    expect(broken({ ...ended(false), invocations })).toThrow("Cohort and invocations of round 2 differ");
    const lost = invocations.filter(({ clientId, round }) => clientId !== GONE || round === 1);
    expect(broken({ ...ended(true), invocations: lost })).toThrow("Cohort and invocations of round 2 differ");
  });

  test("a rate that its totals do not have", () => {
    expect(broken({ ...ended(true), eur: 0.5 })).toThrow("The run's rate is 0.5");
  });
});

test.each<[what: string, change: (end: Ended) => Ended]>([
  ["a lost update", (end) => ({ ...end, totals: { ...end.totals, inTime: 3 }, eur: 3 / end.totals.invoked })],
  ["a miss too many", (end) => ({ ...end, totals: { ...end.totals, missed: end.totals.missed + 1 } })],
  [
    "an outcome counted twice",
    (end) => ({
      ...end,
      rounds: end.rounds.map((round) => ({ ...round, outcomes: [...round.outcomes, buildOutcome()] })),
    }),
  ],
  [
    "a roster without the first miss",
    (end) => ({
      ...end,
      roster: end.roster.map(([clientId, record]) => [clientId, { ...record, missedRounds: [] }] as const),
    }),
  ],
])("%s still makes another end", (_, change) => {
  expect(compared(change(ended(false)))).not.toEqual(compared(ended(true)));
  expect(compared(change(ended(true)))).not.toEqual(compared(ended(true)));
});
