// Charts: what they are made of, and that they come out as sound SVG whatever a scenario is called.
import { describe, expect, it } from "vitest";
import type { CellResult, RoundPoint } from "../../../../infra/sim/cell.ts";
import { chartsOf } from "../../../../infra/sim/plot/charts.ts";
import { renderSvg } from "../../../../infra/sim/plot/renderSvg.ts";
import { buildCell, buildSource } from "../builders.ts";

function result(eurs: readonly number[], accuracy: number | null = null): CellResult {
  const points = eurs.map(
    (eur, i): RoundPoint => ({
      round: i + 1,
      eur,
      timeMinutes: i + 1,
      updates: 3,
      costUsd: (i + 1) / 100,
      accuracy,
      groups: { rookie: 3, "cluster 1": 2 },
    }),
  );
  const row = { rounds: eurs.length, eur: 0, timeMinutes: 0, costUsd: 0, bias: 0, lateUsed: 0, accuracy };
  return {
    points,
    row: { scenario: "test", strategy: "fedavg", paperFaithful: false, stragglers: 0, seed: 1, ...row },
  };
}

const published = {
  source: "others",
  levels: [0],
  strategies: { fedavg: { eur: [0.9] } },
};

describe("charts", () => {
  it("show the mean of the seeds, and what was published beside it", () => {
    const cells = [buildCell(), buildCell({ seed: 2 })];
    const charts = chartsOf(cells, [result([1, 0.5]), result([0.5, 0.5])], published);
    expect(charts.map(({ name }) => name)).toEqual(["eur", "time", "cost", "clusters"]);
    const at = { strategy: "fedavg", stragglers: "0 % stragglers" };
    expect(charts[0]?.spec.data).toEqual({
      values: [
        { ...at, round: 1, value: 0.75 },
        { ...at, round: 2, value: 0.5 },
        { ...at, value: 0.9, published: true },
      ],
    });
  });

  it("show accuracy where anything was scored, and cohorts of one seed only", () => {
    const charts = chartsOf(
      [buildCell(), buildCell({ seed: 2 })],
      [result([1], 0.7), result([1], 0.8)],
      undefined,
    );
    expect(charts.map(({ name }) => name)).toEqual(["eur", "time", "cost", "accuracy", "clusters"]);
    expect(charts.at(-1)?.spec.data).toEqual({
      values: [
        { strategy: "fedavg", stragglers: "0 % stragglers", round: 1, group: "rookie", clients: 3 },
        { strategy: "fedavg", stragglers: "0 % stragglers", round: 1, group: "cluster 1", clients: 2 },
      ],
    });
  });

  it("are SVG with every text escaped", async () => {
    const cell = buildCell({ source: buildSource(), strategy: '<script>&"\u0001' });
    for (const { spec } of chartsOf([cell], [result([1, 0.5])], undefined)) {
      const svg = await renderSvg(spec);
      expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg".*<\/svg>$/s);
      expect(svg).not.toContain("<script");
      expect(svg).toContain("&lt;script&gt;&amp;");
      expect(svg).toContain("0 % stragglers");
      expectBalanced(svg);
    }
  });
});

/** Every element that is opened is closed, in turn. */
function expectBalanced(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name = "", rest = ""] of svg.matchAll(/<(\/?)([a-zA-Z]+)((?:"[^"]*"|[^>"])*)>/g)) {
    if (closing === "/") expect(open.pop()).toBe(name);
    else if (!rest.endsWith("/")) open.push(name);
  }
  expect(open).toEqual([]);
}
