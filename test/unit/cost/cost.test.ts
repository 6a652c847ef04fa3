// Costs against values worked out by hand, at the edges of the rounding.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FunctionUse, invocationCost, roundCost, sumUsd } from "../../../shared/core/cost/cost.ts";
import { operationKinds, priceTables } from "../../../shared/core/cost/prices.ts";

const cloudRun = priceTables["cloud-run-2026"];
const fedlesscan = priceTables["fedlesscan-2022"];
const use = (durationMs: number, memoryMib = 2_048, vcpu = 1): FunctionUse => ({
  durationMs,
  memoryMib,
  vcpu,
});
const nanos = (usd: number): number => Math.round(usd * 1e9);

describe("invocationCost, Cloud Run", () => {
  // A request is 400 nanodollars; 100 ms of 1 vCPU are 2,400 and of 2 GiB 500.
  it.each([
    [0, 400],
    [0.001, 3_300],
    [1, 3_300],
    [100, 3_300],
    [100.5, 6_200],
    [101, 6_200],
    [200, 6_200],
    [60_000, 400 + 600 * 2_900],
    [3_600_000, 400 + 36_000 * 2_900],
  ])("%d ms on 1 vCPU and 2 GiB cost %d nanodollars", (durationMs, expected) => {
    expect(invocationCost(use(durationMs), cloudRun)).toBe(expected / 1e9);
  });

  it.each([
    // 400 + 10 * (2 * 2,400 + 4 * 250)
    [use(1_000, 4_096, 2), 58_400],
    // 400 + 2,400 / 4 + 250 / 4 = 1,062.5, half up.
    [use(100, 256, 0.25), 1_063],
    // 400 + 199.2 + 31.25 = 630.45
    [use(100, 128, 0.083), 630],
  ])("%j costs %d nanodollars", (given, expected) => {
    expect(invocationCost(given, cloudRun)).toBe(expected / 1e9);
  });
});

describe("invocationCost, FedLesScan's own", () => {
  // 2,900 nanodollars for 100 ms of the 2,048 MB tier, and 400 for the call; whole seconds plus 100 ms.
  it.each([
    [0, 400 + 2_900],
    [100, 400 + 2_900],
    [101, 400 + 2_900],
    [999, 400 + 2_900],
    [1_000, 400 + 11 * 2_900],
    [520_000, 400 + 5_201 * 2_900],
  ])("%d ms cost %d nanodollars", (durationMs, expected) => {
    expect(invocationCost(use(durationMs), fedlesscan)).toBe(expected / 1e9);
  });

  it.each([
    // 1 GiB-tier memory on the clock of the next tier: 250 + 2,400; the vCPUs do not count.
    [use(0, 1_024, 8), 400 + 250 + 2_400],
    [use(0, 128), 400 + 31 + 800],
    [use(0, 512), 400 + 125 + 800],
    [use(0, 513), 400 + 125 + 2_400],
    [use(0, 8_192), 400 + 2_000 + 4_800],
  ])("%j is billed by its memory's tier: %d nanodollars", (given, expected) => {
    expect(nanos(invocationCost(given, fedlesscan))).toBe(expected);
  });

  it("has no tier above 8 GiB", () => {
    expect(() => invocationCost(use(0, 8_193), fedlesscan)).toThrow("no tier with 8193 MiB");
  });
});

describe("roundCost", () => {
  it("adds calls and operations", () => {
    const cost = roundCost(
      {
        functions: [use(100), use(101)],
        operations: {
          firestoreReads: 10,
          firestoreWrites: 4,
          firestoreDeletes: 2,
          tasks: 3,
          storageClassA: 2,
          storageClassB: 5,
        },
      },
      cloudRun,
    );
    // 3,300 + 6,200; 10 * 300 + 4 * 900 + 2 * 100 + 3 * 400 + 2 * 5,000 + 5 * 400.
    expect(cost).toEqual({ functionsUsd: 9_500 / 1e9, operationsUsd: 20_000 / 1e9, totalUsd: 29_500 / 1e9 });
  });

  it("of nothing is nothing", () => {
    const nothing = { functionsUsd: 0, operationsUsd: 0, totalUsd: 0 };
    expect(roundCost({ functions: [], operations: {} }, cloudRun)).toEqual(nothing);
  });

  it("charges calls alone with FedLesScan's prices", () => {
    const operations = Object.fromEntries(operationKinds.map((kind) => [kind, 1_000]));
    expect(roundCost({ functions: [use(0)], operations }, fedlesscan).totalUsd).toBe(3_300 / 1e9);
  });

  it("takes a table of one's own", () => {
    const free = { ...cloudRun, requests: { usd: 0, per: 1 }, usdPerGibSecond: 0 };
    expect(invocationCost(use(1_000), free)).toBe(24_000 / 1e9);
  });
});

describe("sums", () => {
  it("are exact: a million times 100 nanodollars are 10 cents", () => {
    expect(sumUsd(new Array<number>(1_000_000).fill(1e-7))).toBe(0.1);
    expect(sumUsd([])).toBe(0);
    expect(sumUsd([0.1, 0.2])).toBe(0.3);
  });

  it("do not depend on their order", () => {
    const anyUse = fc.record<FunctionUse>({
      durationMs: fc.double({ min: 0, max: 3_600_000, noNaN: true }),
      memoryMib: fc.integer({ min: 128, max: 32_768 }),
      vcpu: fc.double({ min: 0.08, max: 8, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(anyUse), (functions) => {
        const total = roundCost({ functions, operations: {} }, cloudRun).totalUsd;
        expect(roundCost({ functions: functions.toReversed(), operations: {} }, cloudRun).totalUsd).toBe(
          total,
        );
        const parts = functions.map((one) => invocationCost(one, cloudRun));
        expect(sumUsd(parts)).toBe(total);
        expect(sumUsd([total])).toBe(total);
        for (const part of parts) expect(part).toBeGreaterThanOrEqual(400 / 1e9);
      }),
    );
  });
});

describe("refusals", () => {
  it.each([use(-1), use(Number.NaN), use(Number.POSITIVE_INFINITY), use(1, -1), use(1, 1_024, Number.NaN)])(
    "%j",
    (given) => {
      expect(() => invocationCost(given, cloudRun)).toThrow("must be finite and not negative");
    },
  );

  it("a negative count of operations", () => {
    expect(() => roundCost({ functions: [], operations: { tasks: -1 } }, cloudRun)).toThrow("tasks");
  });
});
