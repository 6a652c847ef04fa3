// What a strategy keeps from round to round: there and back as JSON, bounded, and nothing where it cannot be
// read.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { SelectionOptions } from "../../../../shared/core/methods/selection/options.ts";
import { selectBy } from "../../../../shared/core/methods/selection/selectCohort.ts";
import { readState, writeState } from "../../../../shared/core/methods/selection/state.ts";
import type { Strategy } from "../../../../shared/core/methods/selection/strategy.ts";
import { MAX_STATE_BYTES } from "../../../../shared/core/schemas/round.ts";
import { buildRun, T0 } from "../../../support/builders.ts";
import { greedy } from "../../../support/greedyStrategy.ts";
import { refusal } from "../../../support/refusal.ts";

const State = z.strictObject({ since: z.int().min(1) });

describe("a state", () => {
  it("comes back as it was, whatever JSON it is", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__"'));
        const text = writeState("it", value);
        const read = readState(z.json(), text);
        expect(read).toEqual({
          state: value === null ? null : JSON.parse(JSON.stringify(value)),
          problem: null,
        });
      }),
    );
  });

  it("comes back without keys that would set a prototype: schemas leave them out", () => {
    const { state } = readState(z.json(), '{"a":{"__proto__":{"admin":true},"b":1}}');
    expect(state).toEqual({ a: { b: 1 } });
    expect(Reflect.get(Object(state).a, "admin")).toBeUndefined();
  });

  it("is none where there is none, or the strategy keeps none", () => {
    expect([writeState("it", null), writeState("it", undefined)]).toEqual([null, null]);
    expect(readState(State, null)).toEqual({ state: null, problem: null });
    expect(readState(State, "null")).toEqual({ state: null, problem: null });
    expect(readState(undefined, '{"since":1}')).toEqual({
      state: null,
      problem: "the strategy keeps no state",
    });
  });

  it.each([
    ["{", "it is not JSON"],
    ["", "it is not JSON"],
    ['{"since":"2"}', "since: Invalid input: expected number, received string"],
    ["[1]", "state: Invalid input: expected object, received array"],
    ['{"since":0}', "since: Too small: expected number to be >=1"],
  ])("that reads %j is none, with the reason", (kept, problem) => {
    expect(readState(State, kept)).toEqual({ state: null, problem });
  });

  it("of a release that knows more is read by what is known of it", () => {
    expect(readState(State, '{"since":2,"later":{"a":[1]}}')).toEqual({ state: { since: 2 }, problem: null });
  });

  it("has a bound, to the byte as UTF-8", () => {
    const fits = "€".repeat((MAX_STATE_BYTES - 4) / 3);
    const largest = `${fits}${"x".repeat(MAX_STATE_BYTES - 2 - Buffer.byteLength(fits))}`;
    expect(Buffer.byteLength(writeState("it", largest) ?? "")).toBe(MAX_STATE_BYTES);
    const { message, code, retry } = refusal(() => writeState("oort", `${largest}x`));
    expect([code, retry]).toEqual(["internal", "never"]);
    expect(message).toBe(
      "The state of the selection strategy oort has 16385 bytes as JSON, and a round keeps 16384: choose another strategy, or correct this one.",
    );
  });

  it.each([() => 1, 1n, Symbol("x")])("that is not a JSON value is a fault of its strategy", (state) => {
    expect(refusal(() => writeState("oort", state)).message).toContain("oort is not a JSON value");
  });
});

describe("selecting", () => {
  const roster = ["a", "b", "c", "d"].map((clientId, i) => ({
    clientId,
    trainMsHistory: [],
    missedRounds: [],
    cooldownRounds: 0,
    invocations: 0,
    lastSelectedRound: null,
    busyUntilMs: null,
    ...(i === 3 ? {} : { signals: { "loss-after": i } }),
  }));
  const choose = (round: number, state: string | null, strategy: object = greedy) =>
    selectBy(
      strategy as Strategy<SelectionOptions, unknown>,
      buildRun(),
      round,
      { roster, state, limit: 1_000 },
      T0,
    );

  it("gives a strategy its signals and what it kept, and keeps what it answers", () => {
    const first = choose(1, null);
    expect(first).toMatchObject({
      cohort: ["b", "c", "d"],
      state: '{"last":["b","c","d"],"round":1}',
      signals: ["loss-after"],
      stateProblem: null,
    });
    const second = choose(2, first.state);
    expect(second.cohort, "those of the last cohort behind all others").toEqual(["a", "c", "d"]);
    expect(choose(2, first.state)).toEqual(second);
  });

  it("begins without a state that cannot be read, and says so", () => {
    const { stateProblem, ...begun } = choose(2, '{"last":7}');
    expect(stateProblem).toContain("last: Invalid input");
    expect(begun).toEqual({ ...choose(2, null), stateProblem: undefined });
  });

  it("refuses a strategy that keeps too much", () => {
    const strategy: Strategy<unknown, string> = {
      state: z.string(),
      select: () => ({ cohort: [], considered: [], state: "x".repeat(MAX_STATE_BYTES) }),
    };
    expect(refusal(() => choose(1, null, strategy)).message).toContain("strategy random has 16386 bytes");
  });
});
