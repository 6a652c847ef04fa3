// What the simulator is for: the published figures come out of the published behaviour, and the default is
// better. One seed, with room for its luck; the guide's commands show five.
import { describe, expect, it } from "vitest";
import { type Row, simulateCell } from "../../../infra/sim/cell.ts";
import { measuredAt } from "../../../infra/sim/scenario/scenario.ts";
import { loadSource } from "../../../infra/sim/source.ts";
import { buildCell } from "./builders.ts";

async function simulated(scenario: string, stragglers: number, strategy: string, paperFaithful: boolean) {
  const source = await loadSource(scenario);
  const { row } = await simulateCell(buildCell({ source, stragglers, strategy, paperFaithful }));
  return { row, published: source.published };
}

describe.each(["paper/mnist", "paper/femnist", "paper/speech", "paper/shakespeare"])("%s", (scenario) => {
  it.each([
    ["fedavg", 0.5],
    ["fedlesscan", 0.3],
  ])("%s with %d stragglers comes out as published", async (strategy, stragglers) => {
    const { row, published } = await simulated(scenario, stragglers, strategy, true);
    const eur = measuredAt(published, strategy, stragglers, "eur") ?? Number.NaN;
    const minutes = measuredAt(published, strategy, stragglers, "timeMinutes") ?? Number.NaN;
    expect(Math.abs(row.eur - eur)).toBeLessThan(0.03);
    expect(Math.abs(row.timeMinutes / minutes - 1)).toBeLessThan(0.1);
  });
});

describe("the default", () => {
  it("is at least half-way from the published figure to the best there can be", async () => {
    const { row, published } = await simulated("paper/speech", 0.5, "fedlesscan", false);
    const eur = measuredAt(published, "fedlesscan", 0.5, "eur") ?? Number.NaN;
    // More clients are well than a round invites: every update could be in time.
    expect(row.eur).toBeGreaterThan((eur + 1) / 2);
  });

  it.each([0.3, 0.5])(
    "takes less time and money where clients crash and are slow, %d of them",
    async (stragglers) => {
      const of = async (faithful: boolean): Promise<Row> =>
        (await simulated("mixed/crash-slow", stragglers, "fedlesscan", faithful)).row;
      const [improved, faithful] = [await of(false), await of(true)];
      expect(improved.timeMinutes).toBeLessThan(0.85 * faithful.timeMinutes);
      expect(improved.costUsd).toBeLessThan(0.9 * faithful.costUsd);
      expect(improved.eur).toBeGreaterThan(faithful.eur);
    },
  );
});
