// A population drawn from a scenario and a seed: who straggles, and what each call does.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawPopulation } from "../../../../infra/sim/population/drawPopulation.ts";
import type { Conduct, Population } from "../../../../infra/sim/population/population.ts";
import { runs } from "../../../support/tier.ts";
import { buildScenario } from "../builders.ts";

const first = { round: 1, delivery: 1, atMs: 0, workFactor: 1 };

function firstCalls(population: Population): Conduct[] {
  return population.clientIds.map((clientId) => population.conduct({ clientId, ...first }));
}

function endings(population: Population): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { ending } of firstCalls(population)) counts[ending] = (counts[ending] ?? 0) + 1;
  return counts;
}

describe("a client that is woken", () => {
  const population = () =>
    drawPopulation(buildScenario({ coldStart: { seconds: 2, spread: 0, idleSeconds: 60 } }), 0, 1);
  const client = "client-01";
  const call = (of: Population, atMs: number) => of.conduct({ clientId: client, ...first, atMs });

  it("starts warm once it has started, for as long as an instance idles", () => {
    const [soon, late] = [population(), population()];
    for (const one of [soon, late]) one.warm({ clientId: client, round: 1, atMs: 1_000 });
    expect(call(soon, 3_000)).toMatchObject({ isCold: false, coldStartMs: 0 });
    expect(call(late, 3_000 + 60_001)).toMatchObject({ isCold: true, coldStartMs: 2_000 });
  });

  it("starts another instance where the first is still starting, or at work", () => {
    const [starting, atWork] = [population(), population()];
    starting.warm({ clientId: client, round: 1, atMs: 1_000 });
    expect(call(starting, 2_999)).toMatchObject({ isCold: true });
    const { coldStartMs, workMs } = call(atWork, 0);
    atWork.warm({ clientId: client, round: 2, atMs: 5_000 });
    const freeAtMs = coldStartMs + workMs;
    expect(call(atWork, freeAtMs), "its work goes on as before").toMatchObject({ isCold: false });
  });

  it("idles for longer where it was warm", () => {
    const one = population();
    one.warm({ clientId: client, round: 1, atMs: 0 });
    one.warm({ clientId: client, round: 2, atMs: 50_000 });
    expect(call(one, 110_000)).toMatchObject({ isCold: false });
  });
});

describe("who straggles", () => {
  it("is the share asked for, rounded down as published, whatever the seed", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom(0, 0.1, 0.3, 0.5, 0.7, 1),
        fc.nat(),
        (n, level, seed) => {
          const failed =
            endings(drawPopulation(buildScenario({ clients: n, cohortSize: 1 }), level, seed))["failure"] ??
            0;
          // In tenths, since 0.7 * 10 is a little less than 7 in floating point.
          expect(failed).toBe(Math.floor((Math.round(10 * level) * n) / 10));
        },
      ),
      { numRuns: runs(50) },
    );
  });

  it("is divided into the scenario's kinds", () => {
    const scenario = buildScenario({
      stragglers: { crash: 0.5, slow: 0.3, flaky: 0.2 },
      crash: { manner: "dies", afterShare: 0.25 },
      slowFactor: [3, 3],
      flakyProbability: 1,
      coldStart: { seconds: 0 },
    });
    const calls = firstCalls(drawPopulation(scenario, 0.5, 3));
    const worked = (ending: string, seconds: number) =>
      calls.filter((call) => call.ending === ending && Math.abs(call.workMs - 1_000 * seconds) < 1e-6).length;
    // Of ten stragglers five crash and two are flaky, dying after a quarter of the work; three take three
    // times as long.
    expect([worked("silence", 2.5), worked("update", 30), worked("update", 10)]).toEqual([7, 3, 10]);
  });

  it("is somebody else under another seed, and the same under the same", () => {
    const failing = (seed: number) =>
      firstCalls(drawPopulation(buildScenario(), 0.5, seed)).map(({ ending }) => ending);
    expect(failing(1)).toEqual(failing(1));
    expect(failing(1)).not.toEqual(failing(2));
  });

  it("leaves the unwell aside, who come on top", () => {
    const unwell = { at: { "0.5": 4 }, manner: "never-ends" };
    expect(endings(drawPopulation(buildScenario({ unwell }), 0.5, 1))).toEqual({
      failure: 10,
      silence: 4,
      update: 6,
    });
    expect(endings(drawPopulation(buildScenario({ unwell }), 0.3, 1))).toEqual({ failure: 6, update: 14 });
  });
});

describe("a call", () => {
  it("starts cold when its instance is gone, busy or has died, and warm otherwise", () => {
    const population = drawPopulation(buildScenario({ coldStart: { seconds: 2, idleSeconds: 30 } }), 0, 1);
    const [clientId = ""] = population.clientIds;
    const coldAt = (round: number, atMs: number) =>
      population.conduct({ clientId, round, delivery: 1, atMs, workFactor: 1 }).coldStartMs;
    expect(coldAt(1, 0)).toBe(2_000);
    expect(coldAt(2, 5_000), "while it works").toBe(2_000);
    // The second instance is free at 17 s, and there until 47 s.
    expect(coldAt(3, 47_000), "at the last moment").toBe(0);
    expect(coldAt(4, 87_001), "too late").toBe(2_000);
  });

  it("takes longer by its work factor", () => {
    const population = drawPopulation(buildScenario(), 0, 1);
    const [clientId = ""] = population.clientIds;
    expect(population.conduct({ clientId, ...first, workFactor: 1.5 }).workMs).toBeCloseTo(15_000, 6);
  });

  it("ends at its function's time-out, without a word", () => {
    const capacity = { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 9 };
    const calls = firstCalls(drawPopulation(buildScenario({ capacity }), 0, 1));
    expect(calls.every(({ ending, workMs }) => ending === "silence" && workMs === 9_000)).toBe(true);
  });

  it("does not reach a client that is away", () => {
    const away = (onlineShare: number) =>
      endings(
        drawPopulation(
          buildScenario({ clients: 1_000, availability: { periodSeconds: 100, onlineShare } }),
          0,
          1,
        ),
      );
    expect(away(0)).toEqual({ unreachable: 1_000 });
    expect(away(1)).toEqual({ update: 1_000 });
    // About two thirds of a thousand; ten standard deviations to either side.
    expect(Math.abs((away(2 / 3)["update"] ?? 0) - 667)).toBeLessThan(150);
  });

  it("is the same for the same call, in whatever population of the same seed", () => {
    const scenario = buildScenario({
      work: { seconds: 10, clientSpread: 0.3, callSpread: 0.2 },
      flakyProbability: 0.5,
    });
    expect(firstCalls(drawPopulation(scenario, 0.3, 5))).toEqual(
      firstCalls(drawPopulation(scenario, 0.3, 5)),
    );
  });
});
