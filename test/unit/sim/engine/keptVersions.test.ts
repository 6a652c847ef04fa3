// A client trains from the version that it was given, however late: the learner still has it.
import { expect, it } from "vitest";
import { noLearner } from "../../../../infra/sim/engine/learner.ts";
import { simulateRun } from "../../../../infra/sim/engine/simulateRun.ts";
import { loadSource, populationOf, specOf } from "../../../../infra/sim/source.ts";
import { priceTables } from "../../../../shared/core/cost/prices.ts";

it("keeps the version of every client that may still report", async () => {
  const drawn = await loadSource("league/slow");
  if (drawn.kind !== "drawn") throw new Error("A scenario is no recording.");
  const slow = { aggregateSeconds: 60, maxStaleness: 1, slowFactor: [5, 20] as [number, number] };
  // While the next version is made of others' updates, rounds go out of reach with clients still at work.
  const source = { ...drawn, scenario: { ...drawn.scenario, ...slow } };
  const over = { stop: { rounds: 60 } };
  const spec = specOf(source, { strategy: "random", paperFaithful: false, level: 0.3, seed: 1 }, over);
  const population = populationOf(source, 0.3, 1);
  const kept = new Set([0]);
  const gone: string[] = [];
  let reports = 0;
  await simulateRun({
    spec,
    population,
    learner: {
      ...noLearner(() => 100),
      keep(version, _weights, _state, oldest) {
        kept.add(version);
        for (const old of kept) if (old < oldest) kept.delete(old);
      },
      keepState: () => undefined,
      async learned({ clientId, baseVersion }) {
        reports++;
        if (!kept.has(baseVersion)) gone.push(`version ${baseVersion} of ${clientId}`);
        return { lossBefore: 1, lossAfter: 0.5 };
      },
    },
    prices: priceTables["cloud-run-2026"],
    workFactor: 1,
    ignoresBusy: false,
  });
  expect(reports).toBeGreaterThan(200);
  expect(gone).toEqual([]);
  // And no more than those in reach.
  expect(kept.size).toBeLessThan(8);
});
