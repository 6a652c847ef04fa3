// Which requests are struck by which fault: by seed and request, and nothing else.
import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { FaultPlan, FaultRule, strikes } from "../../../../infra/box/runtime/faults.ts";

const rule = (more: object = {}): FaultRule =>
  FaultRule.parse({ kind: "crash-before", probability: 1, ...more });
const request = (key: string, clientId?: string) => ({
  function: "client",
  key,
  body: clientId === undefined ? undefined : { clientId },
});
const struck = (plan: FaultPlan, keys: readonly string[]) =>
  keys.map((key) => plan.choose(request(key)) !== undefined);
const keys = Array.from({ length: 400 }, (_, i) => `task-${i}#0`);

test("a decision depends on the seed and the request, not on the order", () => {
  const rules = [rule({ probability: 0.3 })];
  const forwards = struck(new FaultPlan(rules, 7), keys);
  const backwards = struck(new FaultPlan(rules, 7), keys.toReversed()).toReversed();
  expect(backwards).toEqual(forwards);
  expect(struck(new FaultPlan(rules, 8), keys)).not.toEqual(forwards);
  const count = forwards.filter(Boolean).length;
  expect(count).toBeGreaterThan(80);
  expect(count).toBeLessThan(160);
});

test("another attempt of the same task is another request", () => {
  const rules = [rule({ probability: 0.5 })];
  const first = struck(new FaultPlan(rules, 7), keys);
  const second = struck(
    new FaultPlan(rules, 7),
    keys.map((key) => key.replace("#0", "#1")),
  );
  expect(second).not.toEqual(first);
});

test("probability 0 never strikes and 1 always does, whatever the seed", () => {
  fc.assert(
    fc.property(fc.integer(), fc.string(), (seed, key) => {
      expect(strikes(rule({ probability: 0 }), 0, seed, request(key))).toBe(false);
      expect(strikes(rule({ probability: 1 }), 0, seed, request(key))).toBe(true);
    }),
  );
});

test("a rule with a match strikes those clients only, and no request without a body", () => {
  const plan = new FaultPlan([rule({ match: { field: "clientId", in: ["client-03", "client-11"] } })], 7);
  const hit = (clientId?: string) => plan.choose(request("k", clientId)) !== undefined;
  expect([hit("client-03"), hit("client-11"), hit("client-1"), hit("client-04"), hit()]).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(plan.choose({ function: "client", key: "k", body: { clientId: ["client-03"] } })).toBeUndefined();
});

test("a rule for one function leaves the others alone, also their bodies", () => {
  const plan = new FaultPlan([rule({ function: "api", match: { field: "x", in: ["1"] } })], 7);
  expect(plan.choose({ function: "client", key: "k", body: { x: "1" } })).toBeUndefined();
  expect(plan.choose({ function: "api", key: "k", body: { x: "1" } })).toBeDefined();
  expect([plan.looksAtBody("api"), plan.looksAtBody("client")]).toEqual([true, false]);
  expect(new FaultPlan([rule()], 7).looksAtBody("api")).toBe(false);
});

test("a rule with `times` stops after as many strikes; the next rule then has its turn", () => {
  const plan = new FaultPlan([rule({ times: 2 }), rule({ kind: "lost-response", times: 1 })], 7);
  const kinds = ["a", "b", "c", "d"].map((key) => plan.choose(request(key))?.kind);
  expect(kinds).toEqual(["crash-before", "crash-before", "lost-response", undefined]);
});

test.each([
  { kind: "explode", probability: 1 },
  { kind: "crash-during", probability: 1 },
  { kind: "delayed", probability: 1, delayMs: -1 },
  { kind: "slow", probability: 1, factor: 0.5 },
  { kind: "crash-before", probability: 1.1 },
  { kind: "crash-before", probability: 1, times: 0 },
  { kind: "crash-before", probability: 1, afterMs: 5 },
])("refuses %o", (wrong) => {
  expect(() => new FaultPlan([wrong as FaultRule], 7)).toThrow(/Fault rules/);
});

test("rules survive JSON", () => {
  const rules = [rule({ kind: "slow", factor: 3, match: { field: "clientId", in: ["a"] } })];
  expect(z.array(FaultRule).parse(JSON.parse(JSON.stringify(rules)))).toEqual(rules);
});
