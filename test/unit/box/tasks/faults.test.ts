// Which attempts are delivered twice: by seed, queue, task and attempt, and nothing else.
import { expect, test } from "vitest";
import { duplicateAfterMs, type TaskFaultRule } from "../../../../infra/box/tasks/faults.ts";

const rule = (probability: number, queue?: string): TaskFaultRule => ({
  kind: "duplicate",
  probability,
  afterMs: 40,
  ...(queue !== undefined && { queue }),
});
const struck = (rules: readonly TaskFaultRule[], seed: number) =>
  Array.from({ length: 400 }, (_, i) => duplicateAfterMs(rules, seed, "client", `t${i}`, 1) === 40);

test("never at 0, always at 1, about half at 0.5", () => {
  expect(struck([rule(0)], 7)).not.toContain(true);
  expect(struck([rule(1)], 7)).not.toContain(false);
  const half = struck([rule(0.5)], 7).filter(Boolean).length;
  expect(half).toBeGreaterThan(150);
  expect(half).toBeLessThan(250);
});

test("the same seed strikes the same tasks, another seed others", () => {
  expect(struck([rule(0.5)], 7)).toEqual(struck([rule(0.5)], 7));
  expect(struck([rule(0.5)], 7)).not.toEqual(struck([rule(0.5)], 8));
});

test("a rule for one queue leaves the others alone", () => {
  expect(duplicateAfterMs([rule(1, "control")], 7, "client", "t", 1)).toBeUndefined();
  expect(duplicateAfterMs([rule(1, "control")], 7, "control", "t", 1)).toBe(40);
});
