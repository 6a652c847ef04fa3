// What a round folds: which updates wait, how many of them one round takes, in which order, and that they are
// fixed once.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fixInputs,
  inputsOf,
  LATE_STATUSES,
  MAX_LATE,
  newlyLate,
  roundsInReach,
  updateKey,
  updateOf,
} from "../../../shared/core/round/inbox.ts";
import { type Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { Round, RoundStatus } from "../../../shared/core/schemas/round.ts";
import { MAX_COHORT } from "../../../shared/core/schemas/spec.ts";
import {
  buildInvocation,
  buildOutcome,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  deepFreeze,
} from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const third = deepFreeze(buildRound({ round: 3, status: "aggregating" }));
const inputs = (invocations: readonly Invocation[], earlier: readonly Round[] = []) =>
  inputsOf(third, deepFreeze([...invocations]), deepFreeze([...earlier]));

describe("updateOf and updateKey", () => {
  it("the update of a report is named after its attempt, not the invocation's last", () => {
    const update = updateOf(buildReported({ attempt: 3 }));
    expect(update).toEqual({ round: 1, clientId: "client-a", attempt: 1 });
    expect(updateOf(buildInvocation({ attempt: 3 }))).toBeNull();
  });

  it("no two updates share a key", () => {
    const part = fc.record({
      round: fc.integer({ min: 1, max: 20 }),
      clientId: fc.constantFrom("a", "a-1", "1"),
      attempt: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(part, part, (one, other) => {
        const same = JSON.stringify(Object.values(one)) === JSON.stringify(Object.values(other));
        expect(updateKey(one) === updateKey(other)).toBe(same);
      }),
    );
  });
});

describe("roundsInReach", () => {
  const run = (maxRounds: number) =>
    buildRun({ spec: buildSpec({ aggregation: { staleness: { weight: "paper", maxRounds } } }) });
  it.each([
    [1, 2, []],
    [2, 2, [1]],
    [3, 2, [1, 2]],
    [4, 2, [1, 2, 3]],
    // The first of them only to expire what is left of it.
    [5, 2, [2, 3, 4]],
    [5, 0, [4]],
    [9_999, 1, [9_997, 9_998]],
  ])("of round %i, where updates live for %i rounds: %j", (round, maxRounds, reach) => {
    expect(roundsInReach(run(maxRounds), round)).toEqual(reach);
  });
});

describe("inputsOf", () => {
  it.each(InvocationStatus.options)("an update whose invocation is %s", (status) => {
    const waits = status === "reported" || status === "late";
    expect(inputs([buildReported({ status })])).toHaveLength(waits ? 1 : 0);
  });

  it("needs an update", () => {
    expect(inputs([buildInvocation({ status: "reported" })])).toEqual([]);
    expect(inputs([])).toEqual([]);
  });

  it("come by client name, then round, whatever order they are read in", () => {
    const places: [string, number][] = [
      ["b", 2],
      ["a", 3],
      ["b", 1],
      ["b-1", 1],
      ["B", 3],
      ["a", 1],
    ];
    const all = places.map(([clientId, round]) => buildReported({ clientId, round }));
    const order = ["B3", "a1", "a3", "b1", "b2", "b-11"];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
        expect(inputs(shuffled).map(({ clientId, round }) => `${clientId}${round}`)).toEqual(order);
      }),
    );
  });

  it("leave out what an earlier round has consumed or dropped, by round, client and attempt", () => {
    const waiting = buildReported({ status: "late" });
    const update = { round: 1, clientId: "client-a", attempt: 1 };
    const used = { ...update, samples: 10, staleness: 1, weight: 1 };
    const settledBy = (overrides: Partial<Round>) =>
      inputs([waiting], [buildRound({ round: 2, ...overrides })]);
    expect(settledBy({ consumed: [used] })).toEqual([]);
    expect(settledBy({ dropped: [{ ...update, fate: "rejected", reason: "nan" }] })).toEqual([]);
    expect(settledBy({ dropped: [{ ...update, fate: "expired", reason: "old" }] })).toEqual([]);
    expect(settledBy({ consumed: [{ ...used, attempt: 2 }] })).toEqual([update]);
    expect(settledBy({ consumed: [{ ...used, round: 2 }] })).toEqual([update]);
    expect(settledBy({ consumed: [{ ...used, clientId: "client-b" }] })).toEqual([update]);
  });

  it("take all of the round's own and no more late ones than fit, the oldest first, the others later", () => {
    const own = Array.from({ length: MAX_COHORT }, (_, i) => buildReported({ clientId: `c${i}`, round: 3 }));
    const late = Array.from({ length: MAX_LATE }, (_, i) =>
      buildReported({ clientId: `c${i}`, round: 2, status: "late" }),
    );
    const older = buildReported({ clientId: "zz", round: 1, status: "late" });
    const found = inputs([...late, older, ...own]);
    expect(found).toHaveLength(MAX_COHORT + MAX_LATE);
    expect(found.filter(({ round }) => round === 3)).toHaveLength(MAX_COHORT);
    expect(found).toContainEqual({ round: 1, clientId: "zz", attempt: 1 });
    // Names are compared as text: c999 is the last of them.
    const left = late.filter(
      ({ clientId }) => !found.some((of) => of.round === 2 && of.clientId === clientId),
    );
    expect(left.map(({ clientId }) => clientId)).toEqual(["c999"]);
    expect(inputs([...late, ...own])).toHaveLength(MAX_COHORT + MAX_LATE);
  });

  it("an update about to expire is taken in: a round has no more clients than a later one takes", () => {
    expect(MAX_LATE).toBeGreaterThanOrEqual(MAX_COHORT);
  });
});

describe("fixInputs", () => {
  const update = { round: 3, clientId: "client-a", attempt: 1 };
  it.each(RoundStatus.options)("of a round that is %s", (status) => {
    const round = deepFreeze({ ...third, status });
    const fixed = fixInputs(round, deepFreeze([update]));
    if (status !== "aggregating") expect(fixed).toBe(round);
    else expect(fixed).toEqual({ ...round, inputs: [update] });
    expect(isValid(Round, fixed)).toBe(true);
  });

  it("the first to fix them decides, even that there are none", () => {
    for (const first of [[update], []]) {
      const fixed = deepFreeze(fixInputs(third, first));
      expect(fixInputs(fixed, [{ ...update, clientId: "client-b" }])).toBe(fixed);
      expect(fixed.inputs).toEqual(first);
    }
  });
});

describe("newlyLate", () => {
  const late = buildReported({ round: 1, status: "late" });
  const outcomeIn = (number: number, result: "missed" | "late" | "in-time") =>
    deepFreeze(buildRound({ round: number, outcomes: [buildOutcome({ round: 1, result })] }));

  it("are those last counted as missed", () => {
    expect(newlyLate([late], third, [outcomeIn(1, "missed")])).toEqual([late]);
    expect(newlyLate([late], third, [outcomeIn(1, "missed"), outcomeIn(2, "late")])).toEqual([]);
    expect(newlyLate([late], third, [outcomeIn(1, "in-time")])).toEqual([]);
    expect(newlyLate([late], third, [])).toEqual([]);
  });

  it("are of earlier rounds, and distinguished by round", () => {
    const fresh = buildReported({ round: 3 });
    expect(newlyLate([fresh], third, [outcomeIn(1, "missed")])).toEqual([]);
    const other = buildReported({ round: 2, status: "late" });
    expect(newlyLate([other], third, [outcomeIn(1, "missed")])).toEqual([]);
  });

  it.each(InvocationStatus.options)("an invocation that is %s", (status) => {
    // One that expired as it reported has a time and a cost, too.
    const counts = status === "reported" || status === "late" || status === "expired";
    expect(newlyLate([buildReported({ status })], third, [outcomeIn(1, "missed")])).toHaveLength(
      counts ? 1 : 0,
    );
    expect(LATE_STATUSES.includes(status)).toBe(counts);
  });

  it("are as many as a round's document holds, the oldest first, in the order of their names", () => {
    const names = Array.from({ length: MAX_LATE }, (_, i) => `c${String(i).padStart(4, "0")}`);
    const all = [
      ...names.map((clientId) => buildReported({ clientId, round: 2, status: "late" as const })),
      buildReported({ clientId: "zz", round: 1, status: "late" }),
    ];
    const outcomes = all.map(({ clientId, round }) => buildOutcome({ clientId, round, result: "missed" }));
    const found = newlyLate(all.toReversed(), third, [buildRound({ round: 2, outcomes })]);
    expect(found.map(({ clientId }) => clientId)).toEqual(["zz", ...names.slice(0, -1)]);
  });
});
