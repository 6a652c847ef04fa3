// Which calls a scripted fault strikes: in order, counted, by target and by seed.
import { expect, test } from "vitest";
import { type CallFaultInput, CallFaults } from "../../../infra/box/callFaults.ts";

const commit: CallFaultInput = {
  service: "firestore",
  method: "Commit",
  answer: "ABORTED",
  applied: false,
};
const struck = (faults: CallFaults, calls: number, name = "runs/a") =>
  Array.from({ length: calls }, () => faults.strike("firestore", "Commit", () => [name]) !== undefined);

test("the next call of the method fails, once, when nothing else is said", () => {
  const faults = new CallFaults();
  const injected = faults.inject(commit);
  expect(faults.strike("firestore", "RunQuery", () => [])).toBeUndefined();
  expect(faults.strike("tasks", "Commit", () => [])).toBeUndefined();
  expect(injected.struck).toBe(0);
  expect(faults.strike("firestore", "Commit", () => [])).toMatchObject({ answer: "ABORTED", applied: false });
  expect(injected.struck).toBe(1);
  expect(struck(faults, 2)).toEqual([false, false]);
});

test("it passes as many as it skips and strikes as many as the rule says, of those that match", () => {
  const faults = new CallFaults(0, [{ ...commit, target: "/rounds/0002$", skip: 1, times: 2 }]);
  const call = (...names: string[]) => faults.strike("firestore", "Commit", () => names) !== undefined;
  expect(call("runs/a/rounds/0001")).toBe(false);
  expect(call("runs/a", "runs/a/rounds/0002"), "skipped").toBe(false);
  expect(call("runs/a/rounds/0002/invocations/b")).toBe(false);
  expect(call("runs/a", "runs/a/rounds/0002")).toBe(true);
  expect(call("runs/a/rounds/0002")).toBe(true);
  expect(call("runs/a/rounds/0002")).toBe(false);
});

test("faults strike one after the other, and not once removed", () => {
  const faults = new CallFaults(0, [commit, { ...commit, answer: "lost", applied: true, times: 9 }]);
  const third = faults.inject({ ...commit, answer: "INTERNAL" });
  const answer = () => faults.strike("firestore", "Commit", () => [])?.answer;
  expect([answer(), answer()]).toEqual(["ABORTED", "lost"]);
  third.remove();
  expect([third.struck, answer()]).toEqual([0, "lost"]);
});

test("a share is drawn from the seed: the same for the same seed", () => {
  const often = { ...commit, times: 1_000, probability: 0.5 };
  const first = struck(new CallFaults(1, [often]), 200);
  expect(struck(new CallFaults(1, [often]), 200)).toEqual(first);
  expect(struck(new CallFaults(2, [often]), 200)).not.toEqual(first);
  const count = first.filter(Boolean).length;
  expect(count).toBeGreaterThan(60);
  expect(count).toBeLessThan(140);
  expect(struck(new CallFaults(1, [{ ...often, probability: 0 }]), 20)).not.toContain(true);
});

test.each<[string, object]>([
  ["an unknown method", { method: "Write" }],
  ["a method of another service", { service: "tasks" }],
  ["an unknown answer", { answer: "NOT_KNOWN" }],
  ["no times", { times: 0 }],
  ["a probability above 1", { probability: 1.1 }],
  ["a target that is not an expression", { target: "(" }],
  ["a key that does not exist", { after: 1 }],
  ["a read that would be applied", { service: "storage", method: "GET", answer: 503, applied: true }],
])("refuses %s", (_what, change) => {
  const fault = { ...commit, ...change } as CallFaultInput;
  expect(() => new CallFaults().inject(fault)).toThrow(/^Call fault: /);
});
