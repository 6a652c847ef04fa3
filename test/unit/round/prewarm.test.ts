// Waking clients ahead: only while there is a next round to prepare, only those who are likely and idle, and
// at a cost.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { invocationCost } from "../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { selectCohort } from "../../../shared/core/methods/selection/selectCohort.ts";
import type { RosterEntry } from "../../../shared/core/methods/selection/strategy.ts";
import { rosterEntries } from "../../../shared/core/roster/enrol.ts";
import { foldRound } from "../../../shared/core/roster/fold.ts";
import {
  expectedOutcomes,
  MAX_PREWARMED,
  mayPrewarm,
  prewarmCandidates,
  prewarmed,
  warmCommands,
} from "../../../shared/core/round/prewarm.ts";
import { publish } from "../../../shared/core/round/publish.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import {
  buildClient,
  buildInvocation,
  buildRecord,
  buildReported,
  buildRound,
  buildRun,
  buildShard,
  buildSpec,
  deepFreeze,
  T0,
} from "../../support/builders.ts";

const prices = priceTables["cloud-run-2026"];
const IDLE_SECONDS = 300;
const spec = (round: object = { prewarm: { idleSeconds: IDLE_SECONDS } }, rest: object = {}) =>
  buildSpec({ round, stop: { rounds: 5 }, ...rest });
const running = (overrides: Partial<Run> = {}) =>
  buildRun({ spec: spec(), status: "running", round: 1, openRound: 1, ...overrides });
const aggregating = buildRound({ status: "aggregating", aggregatingAt: T0 + 20_000 });
const entry = (clientId: string, over: Partial<RosterEntry> = {}): RosterEntry => ({
  clientId,
  trainMsHistory: [],
  coldStartMsHistory: [],
  missedRounds: [],
  cooldownRounds: 0,
  invocations: 0,
  lastSelectedRound: null,
  busyUntilMs: null,
  lastSeenMs: null,
  ...over,
});
const among = (roster: readonly RosterEntry[]) => ({ roster, state: null, limit: 1_000 });

describe("whether clients are woken", () => {
  it.each<[string, Run, typeof aggregating, boolean]>([
    ["while the round is folded", running(), aggregating, true],
    ["not where it is off", running({ spec: spec({}) }), aggregating, false],
    ["not before it stops waiting", running(), buildRound(), false],
    ["not once it is closed", running(), buildRound({ status: "closed" }), false],
    ["not for a run that somebody triggers", running({ status: "ready" }), aggregating, false],
    ["not for a paused run", running({ status: "paused" }), aggregating, false],
    ["not for a round that is over", running({ openRound: 2, round: 2 }), aggregating, false],
    [
      "not after the last round",
      running({ spec: spec(undefined, { stop: { rounds: 1 } }) }),
      aggregating,
      false,
    ],
  ])("%s", (_, run, round, is) => {
    expect(mayPrewarm(run, round)).toBe(is);
  });
});

describe("who is woken", () => {
  it("is who has been idle for so long, and who was never heard of", () => {
    const nowMs = T0 + 1_000_000;
    const idle = (ms: number) => nowMs - IDLE_SECONDS * 1_000 - ms;
    const roster = deepFreeze([
      entry("idle", { lastSeenMs: idle(0), coldStartMsHistory: [4_000, 2_000] }),
      entry("new"),
      entry("warm", { lastSeenMs: idle(-1), coldStartMsHistory: [5_000] }),
    ]);
    const run = running({ spec: spec(undefined, { selection: { strategy: "random", cohortSize: 3 } }) });
    expect(prewarmCandidates(run, aggregating, among(roster), nowMs)).toEqual([
      { clientId: "idle", coldStartMs: 3_000 },
      { clientId: "new", coldStartMs: (3_000 + 5_000) / 2 },
    ]);
    expect(prewarmCandidates(running({ spec: spec({}) }), aggregating, among(roster), nowMs)).toEqual([]);
  });

  it("is no more than a document has room for", () => {
    const roster = Array.from({ length: 600 }, (_, i) => entry(`c${1_000 + i}`));
    const run = running({ spec: spec(undefined, { selection: { strategy: "random", cohortSize: 600 } }) });
    const woken = prewarmCandidates(run, aggregating, among(roster), T0);
    expect(woken.map(({ clientId }) => clientId)).toEqual(
      roster.slice(0, MAX_PREWARMED).map(({ clientId }) => clientId),
    );
  });

  it("is the cohort that the scheduler invites when the round opens, unless reports come before", () => {
    const ids = [..."abcdefgh"];
    const outcome = fc.constantFrom("reported", "failed", "silent");
    fc.assert(
      fc.property(
        fc.constantFrom("random", "fedlesscan"),
        fc.nat({ max: 50 }),
        fc.array(outcome, { minLength: 4, maxLength: 4 }),
        (strategy, seed, ends) => {
          const run = running({
            spec: spec({ prewarm: { idleSeconds: 0 } }, { seed, selection: { strategy, cohortSize: 3 } }),
          });
          const cohort = ids.slice(0, 4);
          const invocations = cohort.map((clientId, i) => {
            if (ends[i] === "reported") return buildReported({ clientId });
            return ends[i] === "failed"
              ? buildReported({ clientId, status: "failed", update: null, training: null })
              : buildInvocation({ clientId, claimedAt: T0 + 1 });
          });
          const round = { ...aggregating, cohort };
          const shard = buildShard({ clients: Object.fromEntries(ids.map((id) => [id, buildRecord()])) });
          const outcomes = expectedOutcomes(round, invocations);
          const foreseen = rosterEntries([
            foldRound(shard, { ...round, outcomes: [...outcomes] }, buildSpec().selection),
          ]);

          const inputs = invocations.flatMap(({ clientId, update }) =>
            update === null ? [] : [{ round: 1, clientId, attempt: 1 }],
          );
          const consumed = inputs.map((update) => ({ ...update, samples: 10, staleness: 0, weight: 1 }));
          const result = { consumed, dropped: [], newVersion: 1, aggregateMs: 9_000, aggregateCostUsd: 0.1 };
          const published = publish(run, { ...round, inputs }, result, invocations, [], () => 1, T0 + 40_000);
          if (published === null) throw new Error("The round was not published.");
          const roster = rosterEntries([foldRound(shard, published.round, buildSpec().selection)]);
          const { cohort: invited } = selectCohort(published.run, 2, among(roster), T0 + 41_000);
          const woken = prewarmCandidates(run, round, among(foreseen), T0 + 30_000);
          expect(woken.map(({ clientId }) => clientId)).toEqual(invited);
        },
      ),
    );
  });
});

describe("what waking costs", () => {
  const clients = new Map(["a", "b", "c"].map((clientId) => [clientId, buildClient({ clientId })]));
  const capacity = { memoryMib: 2_048, vcpu: 1 };

  it("is the time that each should take to start, and no more than its function may", () => {
    const cold = [
      { clientId: "a", coldStartMs: 2_000 },
      { clientId: "b", coldStartMs: 600_000 },
      { clientId: "gone", coldStartMs: 2_000 },
    ];
    const round = prewarmed(deepFreeze(aggregating), cold, clients, prices);
    expect(round.prewarmed?.clientIds).toEqual(["a", "b"]);
    expect(round.prewarmed?.costUsd).toBeCloseTo(
      invocationCost({ durationMs: 2_000, ...capacity }, prices) +
        invocationCost({ durationMs: 540_000, ...capacity }, prices),
      12,
    );
    expect(prewarmed(aggregating, [], clients, prices), "no client").toBe(aggregating);
    expect(prewarmed(aggregating, cold.slice(2), clients, prices), "none that is registered").toBe(
      aggregating,
    );
  });

  it("is charged to the round that was folded meanwhile, and to the run", () => {
    const round = { ...aggregating, inputs: [], prewarmed: { clientIds: ["a"], costUsd: 0.25 } };
    const result = { consumed: [], dropped: [], newVersion: null, aggregateMs: 1, aggregateCostUsd: 0.5 };
    const published = publish(running(), round, result, [], [], () => 0, T0 + 30_000);
    expect(published?.round.costUsd).toBe(0.75);
    expect(published?.run.totals.costUsd).toBe(0.75);
  });

  it("calls each of them for the round to come, at its address", () => {
    const round = { ...aggregating, prewarmed: { clientIds: ["a", "gone"], costUsd: 0 } };
    expect(warmCommands(round, clients)).toEqual([
      { kind: "warm", runId: "run-1", round: 2, clientId: "a", url: "https://a.example.org" },
    ]);
    expect(warmCommands(aggregating, clients)).toEqual([]);
  });
});
