// The roster: who is on it, and how outcomes become behaviour. Folding is pure, repeatable and bounded.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import { enrol, rosterEntries } from "../../../shared/core/roster/enrol.ts";
import { foldOutcome, foldRound, historyLength } from "../../../shared/core/roster/fold.ts";
import { MAX_ROUND } from "../../../shared/core/schemas/ids.ts";
import {
  HISTORY_LENGTH,
  RosterRecord,
  RosterShard,
  SHARD_SIZE,
} from "../../../shared/core/schemas/roster.ts";
import type { Outcome } from "../../../shared/core/schemas/round.ts";
import {
  buildClient,
  buildOutcome,
  buildRecord,
  buildRound,
  buildShard,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid, storedBytes } from "../../support/documents.ts";

const RANDOM: SelectionOptions = { strategy: "random", cohortSize: 4 };
const PUBLISHED = SelectionOptions.parse({ strategy: "fedlesscan", cohortSize: 4, paperFaithful: true });
const LATER = T0 + 600_000;
const results = ["in-time", "late", "failed", "rejected", "missed"] as const;

describe("foldOutcome", () => {
  const known = deepFreeze(
    buildRecord({
      invocations: 4,
      trainMsHistory: [100],
      coldStartMsHistory: [10],
      missedRounds: [2, 3],
      cooldownRounds: 2,
      lastSelectedRound: 3,
      busyUntilAt: LATER,
    }),
  );

  it("in time: the cooldown is over, the misses are remembered", () => {
    const outcome = buildOutcome({ round: 5, trainMs: 200, coldStartMs: 20 });
    expect(foldOutcome(known, outcome)).toEqual({
      invocations: 5,
      trainMsHistory: [100, 200],
      coldStartMsHistory: [10, 20],
      missedRounds: [2, 3],
      cooldownRounds: 0,
      lastSelectedRound: 5,
      busyUntilAt: null,
    });
  });

  it.each(["missed", "failed", "rejected"] as const)("%s: a miss, and twice the cooldown", (result) => {
    const outcome = buildOutcome({ round: 5, result, trainMs: null, busyUntilAt: LATER + 1 });
    expect(foldOutcome(known, outcome)).toEqual({
      ...known,
      invocations: 5,
      missedRounds: [2, 3, 5],
      cooldownRounds: 4,
      lastSelectedRound: 5,
      busyUntilAt: LATER + 1,
    });
    expect(foldOutcome(buildRecord(), outcome).cooldownRounds).toBe(1);
  });

  it("late: takes its miss back and adds its time; it does not count as a second invocation", () => {
    const outcome = buildOutcome({ round: 3, result: "late", trainMs: 900, coldStartMs: 90 });
    expect(foldOutcome(known, outcome)).toEqual({
      ...known,
      trainMsHistory: [100, 900],
      coldStartMsHistory: [10, 90],
      missedRounds: [2],
      busyUntilAt: null,
    });
  });

  it("late: a client invited again since may still be at work on that", () => {
    const outcome = buildOutcome({ round: 2, result: "late" });
    expect(foldOutcome(known, outcome)).toMatchObject({ missedRounds: [3], busyUntilAt: LATER });
  });

  it("late again and again: times are learned, misses forgiven, the cooldown stays", () => {
    let record = buildRecord();
    for (const round of [1, 2, 3]) {
      record = foldOutcome(record, buildOutcome({ round, result: "missed", trainMs: null }));
      record = foldOutcome(record, buildOutcome({ round, result: "late", trainMs: 1_000 * round }));
    }
    expect(record).toMatchObject({
      trainMsHistory: [1_000, 2_000, 3_000],
      missedRounds: [],
      cooldownRounds: 4,
    });
  });

  it("five misses on end: 1, 2, 4, 8, 16 rounds of cooldown", () => {
    let record = buildRecord();
    const cooldowns = [1, 2, 3, 4, 5].map((round) => {
      record = foldOutcome(record, buildOutcome({ round, result: "missed", trainMs: null }));
      return record.cooldownRounds;
    });
    expect(cooldowns).toEqual([1, 2, 4, 8, 16]);
  });

  it.each(results)("%s: it was last seen when it reported, and never earlier than known", (result) => {
    const folded = foldOutcome(buildRecord(), buildOutcome({ result, reportedAt: T0 + 5 }));
    expect(folded.lastSeenAt).toBe(T0 + 5);
    expect(isValid(RosterRecord, folded)).toBe(true);
    expect(foldOutcome(folded, buildOutcome({ result, reportedAt: T0 + 4 })).lastSeenAt).toBe(T0 + 5);
    expect(foldOutcome(folded, buildOutcome({ result, reportedAt: T0 + 6 })).lastSeenAt).toBe(T0 + 6);
    expect(foldOutcome(folded, buildOutcome({ result, reportedAt: null })).lastSeenAt).toBe(T0 + 5);
    expect(foldOutcome(folded, buildOutcome({ result })).lastSeenAt).toBe(T0 + 5);
  });

  it("any client's record stays a valid document, whatever it does in however many rounds", () => {
    const outcome = fc.record({
      result: fc.constantFrom(...results),
      trainMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
      coldStartMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
      busyUntilAt: fc.option(fc.integer({ min: T0, max: LATER })),
    });
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 80 }), (outcomes) => {
        const record = outcomes.reduce(
          (before, one, i) =>
            foldOutcome(deepFreeze(before), deepFreeze(buildOutcome({ ...one, round: i + 1 }))),
          buildRecord(),
        );
        expect(isValid(RosterRecord, record)).toBe(true);
        expect(record.missedRounds).toEqual(record.missedRounds.toSorted((a, b) => a - b));
        expect(record.trainMsHistory.length).toBeLessThanOrEqual(HISTORY_LENGTH);
        expect(record.coldStartMsHistory.length).toBeLessThanOrEqual(HISTORY_LENGTH);
        expect(record.missedRounds.length).toBeLessThanOrEqual(HISTORY_LENGTH);
      }),
    );
  });

  it("keeps the newest of each history", () => {
    const full = Array.from({ length: HISTORY_LENGTH }, (_, i) => i + 1);
    const before = buildRecord({ trainMsHistory: full, coldStartMsHistory: full, missedRounds: full });
    const missed = buildOutcome({ result: "missed", round: 99, trainMs: 77, coldStartMs: 7 });
    expect(foldOutcome(deepFreeze(before), missed)).toMatchObject({
      trainMsHistory: [...full.slice(1), 77],
      coldStartMsHistory: [...full.slice(1), 7],
      missedRounds: [...full.slice(1), 99],
    });
  });

  it("a cooldown grows no longer than a run can be", () => {
    let record = buildRecord();
    for (let round = 1; round <= 100; round++) {
      record = foldOutcome(record, buildOutcome({ result: "failed", round, trainMs: null }));
    }
    expect(record.cooldownRounds).toBe(MAX_ROUND);
    expect(isValid(RosterRecord, record)).toBe(true);
  });
});

describe("foldRound", () => {
  const outcomes: readonly Outcome[] = deepFreeze([
    buildOutcome({ clientId: "a", round: 2 }),
    buildOutcome({ clientId: "b", round: 2, result: "missed", trainMs: null }),
    buildOutcome({ clientId: "elsewhere", round: 2 }),
  ]);
  const round = deepFreeze(buildRound({ round: 2, status: "closed", outcomes: [...outcomes] }));
  const shard = deepFreeze(
    buildShard({ foldedRound: 1, clients: { a: buildRecord(), b: buildRecord(), c: buildRecord() } }),
  );

  it("folds the outcomes of its own clients, each like foldOutcome", () => {
    const folded = foldRound(shard, round, RANDOM);
    expect(folded.foldedRound).toBe(2);
    expect(Object.keys(folded.clients)).toEqual(["a", "b", "c"]);
    for (const outcome of outcomes.slice(0, 2)) {
      expect(folded.clients[outcome.clientId]).toEqual(foldOutcome(buildRecord(), outcome));
    }
    expect(folded.clients["c"]).toBe(shard.clients["c"]);
  });

  it("folding twice changes nothing, nor does an older round", () => {
    const folded = deepFreeze(foldRound(shard, round, RANDOM));
    expect(foldRound(folded, round, RANDOM)).toBe(folded);
    expect(foldRound(folded, { ...round, round: 1 }, RANDOM)).toBe(folded);
    expect(foldRound(folded, { ...round, round: 3 }, RANDOM)).not.toBe(folded);
  });

  it("a client's outcomes are folded in their order: the round's own, then a late one", () => {
    const both = [
      buildOutcome({ clientId: "a", round: 2, result: "missed", busyUntilAt: LATER, trainMs: null }),
      buildOutcome({ clientId: "a", round: 1, result: "late" }),
    ];
    const before = buildShard({ foldedRound: 1, clients: { a: buildRecord({ missedRounds: [1] }) } });
    expect(foldRound(before, { ...round, outcomes: both }, RANDOM).clients["a"]).toMatchObject({
      missedRounds: [2],
      busyUntilAt: LATER,
      lastSelectedRound: 2,
    });
  });
});

describe("historyLength", () => {
  it("is 20, and as published what a document takes", () => {
    const own = SelectionOptions.parse({ strategy: "fedlesscan", cohortSize: 4 });
    expect([RANDOM, own, PUBLISHED].map(historyLength)).toEqual([20, 20, 68]);
  });

  it("is what a round's fold keeps", () => {
    const full = Array.from({ length: HISTORY_LENGTH }, (_, i) => i + 1);
    const shard = buildShard({ foldedRound: 98, clients: { a: buildRecord({ trainMsHistory: full }) } });
    const outcomes = [buildOutcome({ clientId: "a", round: 99, trainMs: 77 })];
    const round = buildRound({ round: 99, status: "closed", outcomes });
    const kept = (selection: SelectionOptions) =>
      foldRound(shard, round, selection).clients["a"]?.trainMsHistory;
    expect(kept(RANDOM)).toEqual([...full.slice(1), 77]);
    expect(kept(PUBLISHED)).toEqual([...full, 77]);
  });
});

describe("enrol", () => {
  const newcomers = (count: number, prefix = "n") =>
    Array.from({ length: count }, (_, i) =>
      buildClient({ clientId: `${prefix}${String(i).padStart(4, "0")}` }),
    );
  const sizes = (shards: readonly RosterShard[]) => shards.map(({ clients }) => Object.keys(clients).length);

  it("begins with a shard of newcomers, in order of name", () => {
    const clients = deepFreeze([buildClient({ clientId: "b" }), buildClient({ clientId: "a" })]);
    expect(enrol("run-1", [], clients)).toEqual([
      { runId: "run-1", shard: 0, foldedRound: 0, clients: { a: buildRecord(), b: buildRecord() } },
    ]);
    expect(enrol("run-1", [], [])).toEqual([]);
  });

  it.each([
    [SHARD_SIZE - 1, [SHARD_SIZE - 1]],
    [SHARD_SIZE, [SHARD_SIZE]],
    [SHARD_SIZE + 1, [SHARD_SIZE, 1]],
    [2 * SHARD_SIZE + 1, [SHARD_SIZE, SHARD_SIZE, 1]],
  ])("%i newcomers fill shards of %j", (count, expected) => {
    const shards = enrol("run-1", [], newcomers(count));
    expect(sizes(shards)).toEqual(expected);
    expect(shards.map(({ shard }) => shard)).toEqual(expected.map((_, i) => i));
    for (const shard of shards) expect(isValid(RosterShard, shard)).toBe(true);
  });

  it("newcomers join the last shard; the others stay the same objects", () => {
    const before = deepFreeze(enrol("run-1", [], newcomers(SHARD_SIZE + 1)));
    const after = enrol("run-1", before, deepFreeze(newcomers(1, "z")));
    expect(after[0]).toBe(before[0]);
    expect(sizes(after)).toEqual([SHARD_SIZE, 2]);
    expect(enrol("run-1", before, [])).toEqual(before);
  });

  it.each([
    ["as ever", RANDOM, 500],
    ["as published", PUBLISHED, 1_000],
  ])("a shard is small enough for a document, %s", (_how, selection, mostKib) => {
    const full = Array.from({ length: historyLength(selection) }, (_, i) => i + 0.5);
    const known = buildRecord({
      invocations: 9_999,
      trainMsHistory: full,
      coldStartMsHistory: full,
      missedRounds: full.map(Math.ceil),
      cooldownRounds: MAX_ROUND,
      lastSelectedRound: MAX_ROUND,
      busyUntilAt: LATER,
    });
    const names = Array.from({ length: SHARD_SIZE }, (_, i) => `${i}`.padStart(63, "n"));
    const shard = buildShard({ clients: Object.fromEntries(names.map((name) => [name, known])) });
    expect(isValid(RosterShard, shard)).toBe(true);
    expect(storedBytes(shard)).toBeLessThan(mostKib * 1_024);
  });

  it("a client that is known keeps its record, and its shard its identity", () => {
    const record = buildRecord({ invocations: 3 });
    const before = deepFreeze([buildShard({ clients: { a: record } })]);
    const after = enrol("run-1", before, [buildClient({ clientId: "a", updatedAt: LATER })]);
    expect(after[0]).toBe(before[0]);
  });

  it("a retired client leaves its shard; one that comes back is a newcomer", () => {
    const record = buildRecord({ invocations: 3 });
    const before = deepFreeze([buildShard({ foldedRound: 7, clients: { a: record, b: record } })]);
    const without = deepFreeze(enrol("run-1", before, [buildClient({ clientId: "a", retired: true })]));
    expect(without).toEqual([{ ...before[0], clients: { b: record } }]);
    const again = enrol("run-1", without, [buildClient({ clientId: "a" })]);
    expect(again[0]).toEqual({ ...before[0], clients: { a: buildRecord(), b: record } });
    const stranger = buildClient({ clientId: "z", retired: true });
    expect(enrol("run-1", without, [stranger])[0]).toBe(without[0]);
  });

  it("repeated, it changes nothing, in whatever order the clients come", () => {
    const change = fc.record({
      clientId: fc.integer({ min: 0, max: 30 }).map((i) => `c${i}`),
      retired: fc.boolean(),
    });
    const changes = fc.uniqueArray(change, { selector: ({ clientId }) => clientId });
    fc.assert(
      fc.property(changes, changes, fc.infiniteStream(fc.nat()), (first, second, keys) => {
        const before = deepFreeze(enrol("r", [], first.map(buildClient)));
        const clients = second.map(buildClient);
        const after = deepFreeze(enrol("r", before, clients));
        const ranked = clients.map((client) => ({ client, key: keys.next().value }));
        const shuffled = ranked.toSorted((a, b) => a.key - b.key).map(({ client }) => client);
        expect(enrol("r", before, shuffled)).toEqual(after);
        const again = enrol("r", after, clients);
        again.forEach((shard, i) => {
          expect(shard).toBe(after[i]);
        });
        const retired = new Set(second.filter((one) => one.retired).map(({ clientId }) => clientId));
        const expected = new Set(
          [...first, ...second].filter((one) => !one.retired).map((one) => one.clientId),
        );
        for (const clientId of retired) expected.delete(clientId);
        expect(rosterEntries(after).map(({ clientId }) => clientId)).toEqual([...expected].toSorted());
      }),
    );
  });
});

describe("rosterEntries", () => {
  it("are all clients of all shards by name, as schedulers know them", () => {
    const record = buildRecord({
      invocations: 2,
      trainMsHistory: [5],
      coldStartMsHistory: [9],
      missedRounds: [1],
      cooldownRounds: 1,
      lastSelectedRound: 2,
      busyUntilAt: LATER,
      lastSeenAt: T0,
    });
    const shards = deepFreeze([
      buildShard({ clients: { z: buildRecord(), "10": buildRecord() } }),
      buildShard({ shard: 1, clients: { a: record, "9": buildRecord() } }),
    ]);
    const entries = rosterEntries(shards);
    expect(entries.map(({ clientId }) => clientId)).toEqual(["10", "9", "a", "z"]);
    expect(entries[2]).toEqual({
      clientId: "a",
      invocations: 2,
      trainMsHistory: [5],
      coldStartMsHistory: [9],
      missedRounds: [1],
      cooldownRounds: 1,
      lastSelectedRound: 2,
      busyUntilMs: LATER,
      lastSeenMs: T0,
    });
    expect(entries[0]).toMatchObject({ lastSeenMs: null });
    expect(rosterEntries([])).toEqual([]);
  });
});
