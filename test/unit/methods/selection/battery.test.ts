// What every selection strategy in the table must do; a new row is tested by being there.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { selectionFaces } from "../../../../shared/core/methods/registry/faces.ts";
import { selectionBehaviours } from "../../../../shared/core/methods/registry/selection.ts";
import { strategyOf } from "../../../../shared/core/methods/selection/index.ts";
import { SelectionOptions } from "../../../../shared/core/methods/selection/options.ts";
import type {
  RosterEntry,
  Selection,
  SelectionInput,
} from "../../../../shared/core/methods/selection/strategy.ts";
import { randomFrom } from "../../../../shared/core/random.ts";

const nowMs = 1_000_000;

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
});
const clients = fc.uniqueArray(client, { selector: ({ clientId }) => clientId, maxLength: 30 });
const input = fc.record({
  round: fc.integer({ min: 1, max: 21 }),
  cohortSize: fc.integer({ min: 1, max: 40 }),
  clients,
  nowMs: fc.constant(nowMs),
  lateAfterMs: fc.option(fc.integer({ min: 1, max: 100_000 })),
  totalRounds: fc.integer({ min: 1, max: 30 }),
  clusteringSince: fc.option(fc.integer({ min: 1, max: 21 })),
});
type Input = Omit<SelectionInput, "options">;

const isBusy = ({ busyUntilMs }: RosterEntry): boolean => busyUntilMs !== null && busyUntilMs > nowMs;
const ascending = (ids: readonly string[]): string[] => [...ids].sort();

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

/** Each strategy with its options' defaults, by the table. */
const rows = selectionFaces.map(({ name: strategy }) => ({
  strategy,
  run: (given: Input, seed: number): Selection => {
    const options = SelectionOptions.parse({ strategy, cohortSize: given.cohortSize });
    return strategyOf(options).select({ ...given, options }, randomFrom(seed));
  },
}));

it("the table has every strategy of the spec", () => {
  expect(Object.keys(selectionBehaviours).sort()).toEqual(
    SelectionOptions.options.map(({ shape }) => shape.strategy.value).sort(),
  );
});

describe.each(rows)("$strategy", ({ run }) => {
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

  it("takes nobody where nobody is", () => {
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
