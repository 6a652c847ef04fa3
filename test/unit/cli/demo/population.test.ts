// Who takes part in the demo, and what happens to them.
import { describe, expect, test } from "vitest";
import { strikes } from "../../../../infra/box/runtime/faults.ts";
import { demoFunctions, drawPopulation, faultsOf } from "../../../../infra/cli/demo/population.ts";

const counts = (clients: number, stragglers?: number) => {
  const { clientIds, slow, crashing } = drawPopulation(clients, 7, stragglers);
  expect(new Set([...slow, ...crashing]).size, "no client is both").toBe(slow.length + crashing.length);
  expect([...slow, ...crashing].every((clientId) => clientIds.includes(clientId))).toBe(true);
  return [clientIds.length, slow.length, crashing.length];
};

test("few are stragglers by default, and of few clients none", () => {
  expect(counts(2)).toEqual([2, 0, 0]);
  expect(counts(3)).toEqual([3, 1, 0]);
  expect(counts(4)).toEqual([4, 1, 1]);
  expect(counts(20)).toEqual([20, 2, 1]);
});

test("a share of stragglers is half slow, half crashing; the odd one is slow", () => {
  expect(counts(20, 0)).toEqual([20, 0, 0]);
  expect(counts(20, 0.05)).toEqual([20, 1, 0]);
  expect(counts(20, 0.3)).toEqual([20, 3, 3]);
  expect(counts(20, 1)).toEqual([20, 10, 10]);
});

test("the seed alone decides who they are", () => {
  expect(drawPopulation(20, 7, 0.3)).toEqual(drawPopulation(20, 7, 0.3));
  expect(drawPopulation(20, 8, 0.3)).not.toEqual(drawPopulation(20, 7, 0.3));
});

describe("each straggler has its fault", () => {
  const population = drawPopulation(20, 7, 0.3);
  const limits = { instances: 4, timeoutSeconds: 45, idleSeconds: 40 };

  test.each([true, false])("in the function that trains for it, its own or not: %s", (own) => {
    const trainers = demoFunctions(population, { own, ...limits });
    const rules = faultsOf(population, trainers);
    const struckIn = (functionOf: (clientId: string) => string, kind: string) =>
      population.clientIds.filter((clientId) => {
        const request = { function: functionOf(clientId), key: "1", body: { clientId } };
        return rules.some((rule, index) => rule.kind === kind && strikes(rule, index, 7, request));
      });
    expect(struckIn(trainers.nameOf, "slow")).toEqual(population.slow);
    expect(struckIn(trainers.nameOf, "crash-during")).toEqual(population.crashing);
    // What is called on its behalf is every client's.
    for (const name of ["api", "coordinator"]) {
      expect([...struckIn(() => name, "slow"), ...struckIn(() => name, "crash-during")]).toEqual([]);
    }
  });
});

test("no call is struck where nobody is slow or crashes", () => {
  expect(faultsOf(drawPopulation(2, 7), { nameOf: () => "clinics" })).toEqual([]);
});

describe("the functions of the clients", () => {
  const population = drawPopulation(3, 7);
  const limits = { instances: 4, timeoutSeconds: 45, idleSeconds: 40 };

  test("one for all, which may read every data set", () => {
    const { functions, nameOf } = demoFunctions(population, { own: false, ...limits });
    expect(functions).toEqual([
      { name: "clinics", clientId: "all", shape: { maxInstances: 4, timeoutSeconds: 45 }, idleSeconds: 40 },
    ]);
    expect(population.clientIds.map(nameOf)).toEqual(["clinics", "clinics", "clinics"]);
  });

  test("one for each, which may read its own", () => {
    const { functions, nameOf } = demoFunctions(population, { own: true, ...limits });
    expect(functions.map(({ name, clientId }) => [name, clientId])).toEqual(
      population.clientIds.map((clientId) => [clientId, clientId]),
    );
    expect(functions.every(({ shape }) => shape?.maxInstances === 1)).toBe(true);
    expect(population.clientIds.map(nameOf)).toEqual(population.clientIds);
  });
});
