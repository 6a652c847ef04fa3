// What every selection strategy must do; a new one is tested by being in the registry. One more reads signals
// and keeps a state.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { selectionBehaviours } from "../../../../shared/core/methods/registry/selection.ts";
import { selectionFaces } from "../../../../shared/core/methods/registry/selectionFaces.ts";
import { strategyOf } from "../../../../shared/core/methods/selection/index.ts";
import { SelectionOptions } from "../../../../shared/core/methods/selection/options.ts";
import { readState, writeState } from "../../../../shared/core/methods/selection/state.ts";
import type {
  RosterEntry,
  Selection,
  SelectionInput,
  Strategy,
} from "../../../../shared/core/methods/selection/strategy.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { CohortGroup, MAX_GROUPS } from "../../../../shared/core/schemas/round.ts";
import { MAX_SIGNALS_READ, SignalName } from "../../../../shared/core/schemas/signals.ts";
import { GREEDY_SIGNAL, greedy } from "../../../support/greedyStrategy.ts";

const nowMs = 1_000_000;

/** Those of every strategy: what a report may bring, no strategy may stumble over. */
const signalsRead = selectionFaces.flatMap(
  ({ name }) => strategyOf(SelectionOptions.parse({ strategy: name, cohortSize: 1 })).signals ?? [],
);

const client = fc.record<RosterEntry>({
  clientId: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?$/),
  trainMsHistory: fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 5 }),
  coldStartMsHistory: fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { maxLength: 3 }),
  lastSeenMs: fc.option(fc.integer({ min: 0, max: nowMs })),
  missedRounds: fc
    .uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 5 })
    .map((rounds) => rounds.sort((a, b) => a - b)),
  cooldownRounds: fc.constantFrom(0, 1, 2, 4, 8),
  invocations: fc.nat(20),
  lastSelectedRound: fc.option(fc.integer({ min: 1, max: 20 })),
  busyUntilMs: fc.option(fc.constantFrom(0, nowMs - 1, nowMs, nowMs + 1, 2 * nowMs), { freq: 2 }),
  signals: fc.dictionary(
    fc.constantFrom(...new Set([GREEDY_SIGNAL, "constructor", "__proto__", ...signalsRead])),
    fc.double({ min: -1e30, max: 1e30, noNaN: true }),
  ),
});
const clients = fc.uniqueArray(client, { selector: ({ clientId }) => clientId, maxLength: 30 });
const input = fc.record({
  round: fc.integer({ min: 1, max: 21 }),
  cohortSize: fc.integer({ min: 1, max: 40 }),
  clients,
  nowMs: fc.constant(nowMs),
  lateAfterMs: fc.option(fc.integer({ min: 1, max: 100_000 })),
  totalRounds: fc.integer({ min: 1, max: 30 }),
  hasState: fc.boolean(),
});
type Input = Omit<SelectionInput, "options"> & { readonly hasState?: boolean };

const isBusy = ({ busyUntilMs }: RosterEntry): boolean => busyUntilMs !== null && busyUntilMs > nowMs;
const ascending = (ids: readonly string[]): string[] => [...ids].sort();

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

/**
 * The strategy with its options' defaults; with a state where the input says so, which it made of the same
 * input before.
 */
function rowOf(name: string, strategy: Strategy<SelectionOptions, unknown>, optionsOf = name) {
  const select = (given: Input, seed: number, state: unknown): Selection => {
    const options = SelectionOptions.parse({ strategy: optionsOf, cohortSize: given.cohortSize });
    return strategy.select({ ...given, options, state }, randomFrom(seed));
  };
  const run = (given: Input, seed: number): Selection =>
    select(given, seed, given.hasState === true ? kept(strategy, select(given, 0, null)) : null);
  return { strategy: name, of: strategy, optionsOf, run };
}

/** Its state as the next round reads it. */
function kept({ state: schema }: Strategy<SelectionOptions, unknown>, { state }: Selection): unknown {
  const read = readState(schema, writeState("it", state));
  expect(read.problem).toBeNull();
  return read.state;
}

const rows = [
  ...selectionFaces.map(({ name }) =>
    rowOf(name, strategyOf(SelectionOptions.parse({ strategy: name, cohortSize: 1 }))),
  ),
  rowOf("greedy", greedy as Strategy<SelectionOptions, unknown>, "random"),
];

it("the table has every strategy of the spec", () => {
  expect(Object.keys(selectionBehaviours).sort()).toEqual(
    SelectionOptions.options.map(({ shape }) => shape.strategy.value).sort(),
  );
});

describe.each(rows)("$strategy", ({ of, optionsOf, run }) => {
  it("fills the cohort from free clients only, each once", () => {
    fc.assert(
      fc.property(input, fc.integer(), (given, seed) => {
        const { cohort } = run(given, seed);
        const free = given.clients.filter((one) => !isBusy(one)).map(({ clientId }) => clientId);
        expect(cohort).toHaveLength(Math.min(given.cohortSize, free.length));
        expect(new Set(cohort).size).toBe(cohort.length);
        for (const clientId of cohort) expect(free).toContain(clientId);
        expect(cohort).toEqual(ascending(cohort));
      }),
    );
  });

  it("says why for every client, and agrees with the cohort", () => {
    fc.assert(
      fc.property(input, fc.integer(), (given, seed) => {
        const { cohort, considered } = run(given, seed);
        expect(considered.map(({ clientId }) => clientId)).toEqual(
          ascending(given.clients.map(({ clientId }) => clientId)),
        );
        const chosen = considered.filter((one) => one.chosen);
        expect(chosen.map(({ clientId }) => clientId)).toEqual(cohort);
        expect(chosen.map(({ rank }) => rank).sort((a, b) => Number(a) - Number(b))).toEqual(
          cohort.map((_, i) => i + 1),
        );
        for (const { reason, rank, chosen } of considered) {
          expect(reason).not.toBe("");
          expect(rank === null).toBe(!chosen);
        }
      }),
    );
  });

  it("gives the same answer for the same seed and any order of the roster", () => {
    fc.assert(
      fc.property(input, fc.integer(), fc.integer(), (given, seed, order) => {
        const shuffled = { ...given, clients: randomFrom(order).shuffle(given.clients) };
        expect(run(shuffled, seed)).toEqual(run(given, seed));
      }),
    );
  });

  it("keeps a state that its own schema takes, and comes back from JSON as it was", () => {
    fc.assert(
      fc.property(input, fc.integer(), (given, seed) => {
        const selection = run(given, seed);
        expect(kept(of, selection)).toEqual(selection.state ?? null);
      }),
    );
  });

  it("reports groups as a round keeps them, and their members", () => {
    fc.assert(
      fc.property(input, fc.integer(), (given, seed) => {
        const { groups = [], considered } = run(given, seed);
        expect(groups.length).toBeLessThanOrEqual(MAX_GROUPS);
        for (const group of groups) {
          expect(CohortGroup.safeParse(group).success, JSON.stringify(group)).toBe(true);
          const members = considered.filter((one) => one.group === group.name);
          expect([members.length, members.filter(({ chosen }) => chosen).length]).toEqual([
            group.size,
            group.chosen,
          ]);
        }
        const names = new Set(groups.map(({ name }) => name));
        expect(names.size).toBe(groups.length);
        for (const { group } of considered) if (group !== undefined) expect(names).toContain(group);
      }),
    );
  });

  it("reads few signals, by names that a report may bring", () => {
    const { signals = [] } = of;
    expect(signals.length).toBeLessThanOrEqual(MAX_SIGNALS_READ);
    for (const name of signals) expect(SignalName.safeParse(name).success, name).toBe(true);
    // The histories of published runs leave no room for them in a shard of the roster.
    const options = SelectionOptions.parse({ strategy: optionsOf, cohortSize: 1 });
    expect("paperFaithful" in options && signals.length > 0).toBe(false);
  });

  it("leaves its input alone", () => {
    fc.assert(
      fc.property(input, fc.integer(), (given, seed) => {
        const before = structuredClone(given);
        run(deepFreeze(given), seed);
        expect(given).toEqual(before);
      }),
    );
  });

  const one: RosterEntry = {
    clientId: "a",
    trainMsHistory: [],
    missedRounds: [],
    cooldownRounds: 0,
    invocations: 0,
    lastSelectedRound: null,
    busyUntilMs: null,
  };

  it("takes no client where there is none", () => {
    expect(run({ round: 1, cohortSize: 5, clients: [], nowMs }, 1)).toMatchObject({
      cohort: [],
      considered: [],
    });
    const busy = { ...one, busyUntilMs: nowMs + 1 };
    expect(run({ round: 1, cohortSize: 5, clients: [busy], nowMs }, 1).cohort).toEqual([]);
  });

  it("frees a client at the very instant its time is up", () => {
    const given = { round: 1, cohortSize: 5, clients: [{ ...one, busyUntilMs: nowMs }] };
    expect(run({ ...given, nowMs }, 1).cohort).toEqual(["a"]);
    expect(run({ ...given, nowMs: nowMs - 1 }, 1).cohort).toEqual([]);
  });

  it("refuses an id given twice", () => {
    const given = { round: 1, cohortSize: 1, clients: [one, { ...one }], nowMs };
    expect(() => run(given, 1)).toThrow("client a twice");
  });
});
