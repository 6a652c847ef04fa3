// The invariants bite: each of these spoilt decisions breaks the rule that is there to catch it.
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Command } from "../../../shared/core/protocol/commands.ts";
import { listedIn } from "../../../shared/core/round/buffered.ts";
import { runs } from "../../support/tier.ts";
import { play, playPromptly, worldOf } from "./play.ts";
import { DECISIONS, type Decisions } from "./world/decisions.ts";
import {
  BEGIN,
  bufferedSpecArbitrary,
  CLIENT_IDS,
  plainSpecArbitrary,
  type Step,
  stepArbitrary,
  stepsArbitrary,
  tieredSpecArbitrary,
} from "./world/steps.ts";

const {
  carriedFrom,
  claim,
  closeRound,
  dueTier,
  foldRound,
  inputsOf,
  markAfter,
  mayOpen,
  planRound,
  publish,
  recordEvaluation,
  report,
  sweepInvocation,
  withReports,
} = DECISIONS;

/** The message of the first of many sequences that breaks a rule; null where none does. */
function brokenBy(decide: Partial<Decisions>): string | null {
  const steps = fc.array(stepArbitrary({ losses: true, cancels: true }), {
    minLength: 50,
    maxLength: 200,
    size: "max",
  });
  const property = fc.property(plainSpecArbitrary, steps, (parts, some) => {
    play(worldOf(parts, { decide }), [...BEGIN, ...some]);
  });
  const { errorInstance } = fc.check(property, { seed: 7, numRuns: 300, endOnFailure: true });
  return errorInstance instanceof Error ? errorInstance.message : null;
}

const SPOILT: readonly [what: string, rule: RegExp, decide: Partial<Decisions>][] = [
  [
    "a round that opens is not the run's",
    /^a run has at most one open round/,
    {
      planRound: (...all) => {
        const plan = planRound(...all);
        return { ...plan, run: { ...plan.run, openRound: null } };
      },
    },
  ],
  [
    "a cancelled run leaves its round open",
    /^a run has at most one open round/,
    { cancelRound: (round) => round },
  ],
  [
    "a version is left out",
    /^model versions are monotone/,
    {
      publish: (run, round, result, ...rest) => {
        const newVersion = result.newVersion === null ? null : result.newVersion + 1;
        return publish(run, round, { ...result, newVersion }, ...rest);
      },
    },
  ],
  [
    "what was consumed waits again",
    /^(an update is consumed at most once|a status moves only on)/,
    {
      inputsOf: (round, invocations) =>
        inputsOf(
          round,
          invocations.map((one) => (one.update === null ? one : { ...one, status: "late" as const })),
          [],
        ),
      // And the inbox has it.
      markAfter: (round, invocation, nowMs) => {
        const marked = markAfter(round, invocation, nowMs);
        return marked?.status === "consumed" ? { ...marked, status: "late" } : marked;
      },
    },
  ],
  [
    "what is settled is not marked",
    /^an update is consumed at most once: a settled update was not marked/,
    { markAfter: () => null },
  ],
  [
    "a round is published as often as it is folded",
    /^(a closed round never reopens|a status moves only on)/,
    {
      publish: (run, round, ...rest) =>
        publish(run, { ...round, status: "aggregating", inputs: round.inputs ?? [] }, ...rest),
    },
  ],
  [
    "a score counts as often as it comes",
    /^a closed round never reopens: a score was counted twice/,
    {
      recordEvaluation: (run, round, ...rest) => recordEvaluation(run, { ...round, accuracy: null }, ...rest),
    },
  ],
  [
    "a client claims what was given up",
    /^a status moves only on/,
    {
      claim: (round, invocation, ...rest) =>
        claim({ ...round, status: "training" }, { ...invocation, status: "invoked" }, ...rest),
    },
  ],
  [
    "the second report counts, too",
    /^a status moves only on/,
    {
      report: (run, round, invocation, ...rest) =>
        report(run, round, { ...invocation, status: "training" }, ...rest),
    },
  ],
  [
    "an update that came in time is counted twice",
    /^counts add up/,
    {
      publish: (...all) => {
        const published = publish(...all);
        if (published === null) return null;
        const { run, round } = published;
        const counts = { ...round.counts, inTime: round.counts.inTime * 2 };
        return { ...published, run, round: { ...round, counts } };
      },
    },
  ],
  [
    "a late report is charged by every round to come",
    /^no call is charged twice/,
    {
      newlyLate: (invocations, round) =>
        invocations.filter((one) => one.round !== round.round && one.reportedAt !== null),
      markAfter: (round, invocation, nowMs) => {
        const marked = markAfter(round, invocation, nowMs);
        return marked === null ? null : { ...marked, chargedUsd: invocation.chargedUsd };
      },
    },
  ],
  [
    "a round is folded into the roster as often as it is followed up",
    /^the roster is the fold of outcomes/,
    {
      foldRound: (shard, round, selection) =>
        foldRound({ ...shard, foldedRound: round.round - 1 }, round, selection),
    },
  ],
  [
    "a run goes on whatever it costs",
    /^a budget is exceeded by no more than one round/,
    {
      mayOpen: (run, request) => {
        const { budgetUsd: _spent, ...stop } = run.spec.stop;
        return mayOpen({ ...run, spec: { ...run.spec, stop } }, request);
      },
      stopReason: () => null,
    },
  ],
  [
    "a deadline closes nothing",
    /^(a round always ends|it comes to no end)/,
    {
      closeRound: (round, spec, counts, cause, nowMs) =>
        cause === "deadline" ? { kind: "wait" } : closeRound(round, spec, counts, cause, nowMs),
    },
  ],
  ["the watchdog sleeps", /^(a round always ends|a run does not wait)/, { expectedCommands: () => [] }],
  [
    "a sweep leaves clients without an end",
    /^every invocation ends, or expires/,
    { sweepInvocation: () => null },
  ],
  [
    "a sweep leaves updates waiting",
    /^every invocation ends, or expires/,
    {
      sweepInvocation: (run, invocation, nowMs) =>
        invocation.status === "late" ? null : sweepInvocation(run, invocation, nowMs),
    },
  ],
  ["a run that is over is never swept", /^(a run does not wait|it comes to no end)/, { swept: (run) => run }],
];

it.each(SPOILT)("%s", (_what, rule, decide) => {
  expect(brokenBy(decide)).toMatch(rule);
});

/** The message of the first of many sequences of a run with buffered rounds that breaks a rule. */
function brokenBuffered(decide: Partial<Decisions>, specs = bufferedSpecArbitrary(6)): string | null {
  const steps = fc.array(stepArbitrary({ losses: true, cancels: true }), {
    minLength: 50,
    maxLength: 200,
    size: "max",
  });
  const property = fc.property(specs, steps, (parts, some) => {
    play(worldOf(parts, { decide }), [...BEGIN, ...some]);
  });
  const { errorInstance } = fc.check(property, { seed: 7, numRuns: 300, endOnFailure: true });
  return errorInstance instanceof Error ? errorInstance.message : null;
}

it.each<[what: string, rule: RegExp, decide: Partial<Decisions>]>([
  [
    "what goes on is forgotten",
    /^(a buffered round carries what is not decided|every invocation ends)/,
    { carriedFrom: (spec, last) => carriedFrom(spec, last)?.slice(1) },
  ],
  [
    "what was decided is carried on",
    /^a buffered round carries what is not decided/,
    {
      carriedFrom: (spec, last) => {
        const carried = carriedFrom(spec, last);
        return last === null || carried === undefined ? carried : listedIn(last);
      },
    },
  ],
  [
    "what goes on is decided twice",
    /^(counts add up|a buffered round carries what is not decided)/,
    {
      publish: (...all) => {
        const published = publish(...all);
        if (published === null) return null;
        const outcomes = published.round.outcomes.map((one) =>
          one.result === "goes-on" ? { ...one, result: "missed" as const } : one,
        );
        const counts = { ...published.round.counts, missed: outcomes.length };
        return { ...published, round: { ...published.round, outcomes, counts } };
      },
    },
  ],
  [
    "as many are invited as if nobody were at work",
    /^a buffered round carries what is not decided: \d clients are at work/,
    {
      withReports: (roster, reports, nowMs) =>
        withReports(roster, reports, nowMs).map((entry) => ({ ...entry, busyUntilMs: null })),
    },
  ],
])("with buffered rounds: %s", (_what, rule, decide) => {
  expect(brokenBuffered(decide)).toMatch(rule);
});

it("nothing breaks the rules of buffered rounds where no decision is spoilt", () => {
  expect(brokenBuffered({})).toBeNull();
});

it.each<[what: string, rule: RegExp, decide: Partial<Decisions>]>([
  [
    "a round folds what all tiers have brought",
    /^a version in tiers is of the updates of one of them: round \d+ of tier \S+ settled an update of tier/,
    {
      inputsOf: ({ tiers: _none, ...round }, ...rest) => inputsOf(round, ...rest),
    },
  ],
  [
    "a tier does not wait for its cohort",
    /^a version in tiers is of the updates of one of them: round \d+ closed with tier \d while/,
    { dueTier: (round, invocations) => dueTier(round, invocations, Number.POSITIVE_INFINITY) },
  ],
  [
    "a tier that is at work is forgotten",
    /^(a buffered round carries what is not decided|every invocation ends|a version in tiers)/,
    { carriedFrom: (spec, last) => carriedFrom(spec, last)?.slice(1) },
  ],
])("in tiers: %s", (_what, rule, decide) => {
  expect(brokenBuffered(decide, tieredSpecArbitrary(6))).toMatch(rule);
});

it("in tiers: a slow tier keeps a fast one waiting", () => {
  const waits: Decisions["dueTier"] = (round, invocations, nowMs) => {
    const isAnyAtWork = invocations.some(({ status }) => status === "invoked" || status === "training");
    return isAnyAtWork ? null : dueTier(round, invocations, nowMs);
  };
  const property = fc.property(
    tieredSpecArbitrary(6),
    stepsArbitrary({ losses: false, cancels: false }, 100),
    (parts, some) => playPromptly(worldOf(parts, { decide: { dueTier: waits } }), [...BEGIN, ...some]),
  );
  const { errorInstance } = fc.check(property, { seed: 7, numRuns: 50, endOnFailure: true });
  expect(String(errorInstance)).toMatch(/a tier waits for no other: tier \d is done/);
});

const next = (of: Command["kind"], pick = 0): Step => ({
  kind: "deliver-one",
  of,
  pick,
  stale: false,
  dies: false,
});
const reports: Step = { kind: "report", pick: 0, result: "update", stale: false, twice: false, dies: false };
const work = (pick: number): Step => ({ kind: "work", pick, dies: false });

/**
 * Two aggregators have read what there is, and a report came in between, before either has fixed what is
 * folded.
 */
const TWO_AT_ONCE: readonly Step[] = [
  ...BEGIN,
  next("open-round"),
  ...[next("invoke"), next("invoke"), next("invoke")],
  ...[reports, reports],
  next("aggregate"),
  reports,
  next("aggregate"),
];
const THREE = {
  selection: { strategy: "random", cohortSize: 3 },
  round: { quorum: 0.5 },
  stop: { rounds: 2 },
};

it("the last to fix a round's inputs decides", () => {
  const fixInputs: Decisions["fixInputs"] = (round, inputs) =>
    round.status === "aggregating" ? { ...round, inputs: [...inputs] } : round;
  const steps = [...TWO_AT_ONCE, work(0), work(1)];
  expect(() => play(worldOf(THREE, { decide: { fixInputs } }), steps)).toThrow(
    /^what a round has fixed is what it settles: inputs of round 1 changed/,
  );
});

it("two aggregators at once break no rule, in whatever order they take their steps", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 1 }), { minLength: 20, maxLength: 40 }), (turns) => {
      play(worldOf(THREE), [...TWO_AT_ONCE, ...turns.map(work)]);
    }),
    { numRuns: runs(100) },
  );
});

/**
 * All three clients there are claim, and miss their round; then the next one is asked for, and they report.
 */
const ALL_LATE: readonly Step[] = [
  ...BEGIN,
  next("open-round"),
  ...[next("invoke"), next("invoke"), next("invoke")],
  ...[next("close-round"), next("close-round"), next("aggregate")],
  ...Array.from({ length: 14 }, () => work(0)),
  next("open-round"),
  ...[reports, reports, reports],
];
const allLate = (decide: Partial<Decisions>) => {
  const parts = {
    selection: { strategy: "random", cohortSize: 3 },
    round: { minUpdates: 3 },
    stop: { rounds: 2 },
  };
  const world = worldOf(parts, { decide, clientIds: CLIENT_IDS.slice(0, 3) });
  play(world, ALL_LATE);
  return world.documents();
};

it("a round whose clients were all late is followed by the next as soon as they have reported", () => {
  const { run, rounds } = allLate({});
  expect(run).toMatchObject({ status: "completed", round: 2, waiting: null });
  const [first, second] = rounds;
  expect(first).toMatchObject({ status: "degraded", closeReason: "too-few-updates" });
  expect((second?.openedAt ?? 0) - (first?.closedAt ?? 0)).toBeLessThan(20);
});

it.each<[what: string, decide: Partial<Decisions>]>([
  ["a report wakes no run", { wake: () => null }],
  ["a report frees its client at the next close only", { withReports: (roster) => roster }],
])("%s", (_what, decide) => {
  expect(() => allLate(decide)).toThrow(/^a run waits for no client that has reported: .* who has reported$/);
});
