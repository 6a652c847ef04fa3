// Rounds in tiers: which tier one closes with, what it folds, and what it is made of.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { carriedFrom, listedIn } from "../../../shared/core/round/buffered.ts";
import { closeRound } from "../../../shared/core/round/close.ts";
import { inputsOf } from "../../../shared/core/round/inbox.ts";
import { planRound } from "../../../shared/core/round/open.ts";
import { bufferedOutcomes } from "../../../shared/core/round/outcomes.ts";
import { memoryRows, sizeProblems } from "../../../shared/core/round/runCheck.ts";
import { setBack } from "../../../shared/core/round/setBack.ts";
import {
  dueTier,
  foldedIn,
  mayBeDue,
  tierOfFold,
  tiersAtWork,
  withVersionOf,
} from "../../../shared/core/round/tiers.ts";
import type { InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import type { Round, UpdateId } from "../../../shared/core/schemas/round.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import {
  buildClient,
  buildOutcome,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  deepFreeze,
  specIssues,
  T0,
} from "../../support/builders.ts";

const spec = buildSpec({
  selection: { strategy: "random", cohortSize: 4 },
  aggregation: { strategy: "fedat", tiers: 2 },
  round: {},
});
const DUE = T0 + 60_000;
const slow = (clientId: string) => ({ round: 1, clientId, dueAt: DUE, tier: 2 });
/** Tier 1 was invited in round 3, when the two clients of tier 2 had been at work since round 1. */
const third = deepFreeze(
  buildRound({
    round: 3,
    cohort: ["a", "b"],
    tiers: [{ tier: 1, members: ["a", "b"] }],
    carried: [slow("x"), slow("y")],
    openedAt: T0 + 30_000,
    deadlineAt: T0 + 90_000,
  }),
);
const at = (round: number, clientId: string, status: InvocationStatus) => ({ round, clientId, status });
const all = (a: InvocationStatus, b: InvocationStatus, x: InvocationStatus, y: InvocationStatus) => [
  at(3, "a", a),
  at(3, "b", b),
  at(1, "x", x),
  at(1, "y", y),
];

describe("the tier that is due", () => {
  it.each<[InvocationStatus, InvocationStatus, InvocationStatus, InvocationStatus, number | null]>([
    ["invoked", "training", "training", "training", null],
    ["reported", "training", "training", "training", null],
    ["reported", "reported", "training", "training", 1],
    ["reported", "failed", "training", "training", 1],
    // Nothing has come of it: another version decides it, and the tier begins anew.
    ["failed", "failed", "training", "training", null],
    ["failed", "failed", "late", "failed", 2],
    ["reported", "training", "late", "late", 2],
    // Who was invited first comes first.
    ["reported", "reported", "late", "late", 2],
  ])("with %s, %s | %s, %s is %s", (a, b, x, y, tier) => {
    expect(dueTier(third, all(a, b, x, y), T0 + 40_000)?.tier ?? null).toBe(tier);
  });

  it("waits for who is silent until its own deadline, inclusive", () => {
    const some = all("reported", "training", "late", "training");
    expect(dueTier(third, some, DUE - 1)).toBeNull();
    expect(dueTier(third, some, DUE)).toEqual({ tier: 2, isOverdue: true });
    expect(dueTier(third, some.slice(0, 3), DUE - 1)).toBeNull();
    expect(dueTier(third, all("reported", "reported", "training", "training"), DUE - 1)).toEqual({
      tier: 1,
      isOverdue: false,
    });
    expect(dueTier(third, all("training", "training", "training", "training"), T0 + 100_000)).toBeNull();
  });

  it("is never overlooked by counts", () => {
    const status = fc.constantFrom<InvocationStatus>("invoked", "training", "reported", "late", "failed");
    const both = deepFreeze({
      ...third,
      carried: [],
      cohort: ["a", "b", "x", "y"],
      tiers: [
        { tier: 1, members: ["a", "b"] },
        { tier: 2, members: ["x", "y"] },
      ],
    });
    fc.assert(
      fc.property(fc.tuple(status, status, status, status), fc.nat({ max: 100_000 }), (drawn, afterMs) => {
        for (const [round, invocations] of [
          [third, all(...drawn)],
          [both, all(...drawn).map((one) => ({ ...one, round: 3 }))],
        ] as const) {
          const silent = invocations.filter((one) => one.status === "invoked" || one.status === "training");
          const atWork = new Map<number, number>();
          for (const one of silent) atWork.set(one.round, (atWork.get(one.round) ?? 0) + 1);
          const isDue = dueTier(round, invocations, T0 + afterMs) !== null;
          expect(mayBeDue(round, atWork, T0 + afterMs) || !isDue).toBe(true);
        }
      }),
    );
    // Counts spare the look at each invocation.
    const counts = new Map([
      [3, 1],
      [1, 2],
    ]);
    expect(mayBeDue(third, counts, DUE - 1)).toBe(false);
    expect(mayBeDue(third, counts, DUE)).toBe(true);
    expect(mayBeDue(third, new Map([[1, 2]]), DUE - 1)).toBe(true);
  });
});

describe("a round in tiers", () => {
  const close = (due: { tier: number; isOverdue: boolean } | null, reported: number, failed = 0) =>
    closeRound(third, spec, { reported, failed, due }, "report", T0 + 40_000);

  it("closes with the tier that is due, and however many updates other tiers have brought not before", () => {
    expect(close(null, 3)).toEqual({ kind: "wait" });
    expect(close({ tier: 2, isOverdue: false }, 2)).toMatchObject({
      kind: "aggregate",
      round: { status: "aggregating", tier: 2, closeReason: "all-reported" },
    });
    expect(close({ tier: 1, isOverdue: true }, 1)).toMatchObject({
      round: { tier: 1, closeReason: "deadline" },
    });
  });

  it("ends where all have failed, or at its deadline, with no tier", () => {
    const failed = close(null, 0, 4);
    expect(failed).toMatchObject({ kind: "aggregate", round: { closeReason: "all-reported" } });
    expect(failed.kind === "aggregate" && failed.round.tier).toBeFalsy();
    const none = { reported: 0, failed: 0, due: null };
    const extended = closeRound(third, spec, none, "deadline", T0 + 90_000);
    expect(extended).toMatchObject({ kind: "extend" });
    const over = closeRound({ ...third, extended: true }, spec, none, "deadline", T0 + 90_000);
    expect(over).toMatchObject({ kind: "aggregate", round: { closeReason: "too-few-updates" } });
  });

  it("folds the updates of its tier, and nothing where it has none", () => {
    const reports = [
      buildReported({ round: 3, clientId: "a" }),
      buildReported({ round: 1, clientId: "x", status: "late" }),
      buildReported({ round: 1, clientId: "y", status: "late" }),
      // Of a round before, and not awaited any more.
      buildReported({ round: 2, clientId: "a", status: "late" }),
    ];
    const of = (tier?: number): Round => ({
      ...third,
      status: "aggregating",
      ...(tier === undefined ? {} : { tier }),
    });
    const ids = (round: Round) =>
      inputsOf(round, reports, []).map(({ round: n, clientId }) => `${n}/${clientId}`);
    expect(ids(of(2))).toEqual(["1/x", "1/y"]);
    expect(ids(of(1))).toEqual(["3/a"]);
    expect(ids(of())).toEqual([]);
    const { tiers: _none, ...plain } = of();
    expect(foldedIn(plain, reports)).toBe(reports);
  });

  it("decides all of its tier: an update that came while the tier's version was made is no version of its own", () => {
    const of = (tier: number): Round => ({ ...third, status: "aggregating", aggregatingAt: DUE, tier });
    const carried = [
      buildReported({ round: 1, clientId: "x", status: "late" }),
      buildReported({ round: 1, clientId: "y", status: "late", reportedAt: DUE + 5 }),
    ];
    const x = { round: 1, clientId: "x", attempt: 1 };
    const results = (round: Round, settled: readonly UpdateId[]) =>
      bufferedOutcomes(round, [], carried, { settled, rejected: [], estimateUsd: () => 0 }).map(
        ({ clientId, result }) => `${clientId} ${result}`,
      );
    expect(results(of(2), [x])).toEqual(["x in-time", "y missed"]);
    // Where nothing was folded both wait, and so do those of another tier.
    expect(results(of(2), [])).toEqual([]);
    expect(results(of(1), [{ round: 3, clientId: "a", attempt: 1 }])).toEqual([]);
  });

  it("carries the tiers that it has not decided, which are not invited anew", () => {
    const outcomes = [
      buildOutcome({ round: 3, clientId: "a", result: "in-time" }),
      buildOutcome({ round: 3, clientId: "b", result: "failed" }),
    ];
    const carried = carriedFrom(spec, { ...third, outcomes });
    expect(carried).toEqual([slow("x"), slow("y")]);
    expect(tiersAtWork(carried)).toEqual([2]);
    expect(tiersAtWork(undefined)).toEqual([]);
    expect(listedIn(third).map(({ tier }) => tier)).toEqual([2, 2, 1, 1]);
    expect(carriedFrom(spec, null)).toEqual([]);
  });

  it("names those of its cohort that are registered, by tier", () => {
    const considered = ["a", "b", "x"].map((clientId, i) => ({
      clientId,
      chosen: true,
      tier: "tier 1",
      reason: "drawn",
      rank: i + 1,
    }));
    const tiers = [
      { tier: 1, members: ["a", "b"] },
      { tier: 2, members: ["x"] },
    ];
    const chosen = {
      selection: { cohort: ["a", "b", "x"], considered, groups: [], tiers },
      clients: new Map(["a", "b"].map((clientId) => [clientId, buildClient({ clientId })])),
      rosterAsOfAt: T0,
      carried: [],
      openUsd: 0,
    };
    const run = buildRun({ spec });
    const { round, invocations } = planRound(run, { round: 1, baseVersion: 0 }, chosen, T0);
    expect(round.tiers).toEqual([{ tier: 1, members: ["a", "b"] }]);
    expect(round.tier).toBeUndefined();
    expect(invocations.map(({ tier }) => tier)).toEqual(["tier 1", "tier 1"]);
  });

  it("counts the versions of each tier", () => {
    const none = { versions: 0, round: null };
    expect(withVersionOf(1, 7)).toEqual([{ versions: 1, round: 7 }]);
    const two = [{ versions: 2, round: 6 }];
    expect(withVersionOf(3, 7, deepFreeze(two))).toEqual([...two, none, { versions: 1, round: 7 }]);
    expect(withVersionOf(1, 8, [...two, none])).toEqual([{ versions: 3, round: 8 }, none]);
  });

  it("weighs them by how many versions they have made, as long as those are not too old", () => {
    const { maxRounds } = spec.aggregation.staleness;
    expect(maxRounds).toBe(100);
    const run = buildRun({ spec, tiers: [{ versions: 3, round: 2 }] });
    const fold = (round: number) => tierOfFold(run, { ...third, round, tier: 2 });
    for (const round of [3, 102]) expect(fold(round)).toEqual({ number: 2, weights: [0.25, 0.75] });
    expect(fold(103)).toEqual({ number: 2, weights: [0, 1] });
    expect(tierOfFold(run, third)).toBeUndefined();
  });
});

describe("a version of a tier that turns out to be of no use", () => {
  const bad = { ...third, status: "closed" as const, newVersion: 3, baseVersion: 2 };
  const run = buildRun({
    spec,
    modelVersion: 3,
    tiers: [
      { versions: 2, round: 2 },
      { versions: 1, round: 3 },
    ],
  });

  it("counts no more, and where it was the tier's only one nothing is made of its model", () => {
    const after = setBack(run, { ...bad, tier: 2 }, 3, "no numbers");
    expect(after).toMatchObject({ modelVersion: 2, tiers: [{ versions: 2 }, { versions: 0, round: 3 }] });
    expect(tierOfFold(after, { ...third, round: 4, tier: 1 })?.weights).toEqual([1, 0]);
    expect(setBack(after, { ...bad, tier: 2 }, 3, "again").tiers).toEqual(after.tiers);
    expect(setBack(run, { ...bad, tier: 1 }, 3, "no numbers").tiers).toMatchObject([
      { versions: 1 },
      { versions: 1 },
    ]);
  });

  it("leaves a run without tiers as it is", () => {
    const { tiers: _none, ...plain } = run;
    expect(setBack(plain, bad, 3, "no numbers")).not.toHaveProperty("tiers");
  });
});

describe("a spec in tiers", () => {
  const issues = (parts: Parameters<typeof specIssues>[0]) =>
    specIssues({
      selection: { strategy: "random", cohortSize: 9 },
      aggregation: { strategy: "fedat" },
      ...parts,
    });

  it("is taken with its defaults, and updates may be as old as slow clients make them", () => {
    expect(issues({})).toEqual([]);
    expect(issues({ training: { proximalMu: 0.4 } })).toEqual([]);
    const stale = { strategy: "fedat", staleness: { weight: "constant", maxRounds: 9_999 } };
    expect(issues({ aggregation: stale })).toEqual([]);
  });

  it("is refused with everything that makes no sense beside it, all of it at once", () => {
    const found = issues({
      selection: { strategy: "oort", cohortSize: 2, overSelect: 0.5 },
      round: {
        buffer: { size: 2 },
        relay: { strategy: "chain" },
        minUpdates: 2,
        quorum: 0.5,
        deadline: { kind: "adaptive" },
        prewarm: {},
      },
      evaluation: { federated: {} },
    });
    const text = JSON.stringify(found);
    for (const path of [
      "round.buffer",
      "round.relay",
      "round.minUpdates",
      "round.quorum",
      "round.deadline",
      "round.prewarm",
      "selection.strategy",
      "selection.cohortSize",
      "selection.overSelect",
      "evaluation.federated",
    ]) {
      expect(text).toContain(path);
    }
    expect(text).toContain("has no meaning with aggregation.strategy fedat");
  });

  it("is refused where the aggregator has no room for a model of each tier", () => {
    const parameters = [{ name: "w", shape: [1_000_000] }];
    const model = { parameters, parameterCount: 1_000_000, sizeBytes: 4_000_000, layers: null };
    const given = RunSpec.parse({
      name: "room",
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 9 },
      aggregation: { strategy: "fedat", tiers: 5 },
    });
    // Nine times the model: 34.3 MiB.
    const problems = (aggregatorMib: number) =>
      sizeProblems(given, model, { aggregatorMib, evaluatorMib: null, clientMib: null });
    expect(problems(35)).toEqual([]);
    expect(problems(34)).toEqual([
      {
        path: "model.builtin",
        message: expect.stringMatching(
          /5 tiers folding it takes 35 MiB .* has 34; .*lower aggregation\.tiers/,
        ),
      },
    ]);
    const plain = { ...given, aggregation: { ...given.aggregation, strategy: "fedavg" } } as RunSpec;
    const memories = { aggregatorMib: 34, evaluatorMib: null, clientMib: null };
    expect(sizeProblems(plain, model, memories)).toEqual([]);
    expect(memoryRows(model, plain, memories)[0]).toMatchObject({ function: "aggregator", neededMib: 16 });
  });

  it("has from 2 to 5 tiers", () => {
    const of = (tiers: number) =>
      issues({
        selection: { strategy: "random", cohortSize: 5 },
        aggregation: { strategy: "fedat", tiers },
      });
    for (const tiers of [2, 5]) expect(of(tiers)).toEqual([]);
    for (const tiers of [1, 6, 2.5]) expect(of(tiers)).not.toEqual([]);
  });
});
