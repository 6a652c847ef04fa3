// A method that is added has to play in the league, and in a form that the platform takes.
import { describe, expect, it } from "vitest";
import { contests } from "../../../../infra/sim/league/contests.ts";
import { DEFAULT, entrants, entrantsIn } from "../../../../infra/sim/league/entrants.ts";
import { loadSource, specOf } from "../../../../infra/sim/source.ts";
import { aggregationFaces } from "../../../../shared/core/methods/registry/aggregationFaces.ts";
import { relayFaces } from "../../../../shared/core/methods/registry/relayFaces.ts";
import { selectionFaces } from "../../../../shared/core/methods/registry/selectionFaces.ts";
import { trainingFaces } from "../../../../shared/core/methods/registry/trainingFaces.ts";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { readGuide } from "../../../support/guides.ts";

const specs = async (contest: string) => {
  const source = await loadSource(`league/${contest}`);
  if (source.kind !== "drawn") throw new Error("A contest is no recording.");
  return entrantsIn(source.scenario).map(({ strategy, paperFaithful = false, spec = {} }) =>
    specOf(source, { strategy, paperFaithful, level: 0, seed: 1 }, spec),
  );
};

/** Methods that no game can be played with, and why. */
const NOT_PLAYED: Readonly<Record<string, string>> = {
  codistillation: "its clients learn from other runs, and a game is one run",
};

describe("entrants", () => {
  it("have names of their own, the default first", () => {
    const names = entrants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names[0]).toBe(DEFAULT);
  });

  it("begin with what the guide to the spec begins with", async () => {
    const [, json = ""] = /<!-- spec -->\n```json\n([^`]+)```/.exec(readGuide("docs/spec.md")) ?? [];
    const said = RunSpec.parse(JSON.parse(json));
    const [ours] = await specs("slow");
    expect(ours?.selection.strategy).toBe(said.selection.strategy);
    expect(ours?.aggregation.strategy).toBe(said.aggregation.strategy);
    expect(ours?.training.method).toBe(said.training.method);
    expect(ours?.round.deadline).toEqual(said.round.deadline);
    expect(ours?.round.quorum).toBe(said.round.quorum);
    expect(ours?.round.buffer).toEqual(said.round.buffer);
    expect(ours?.aggregation.staleness).toEqual(said.aggregation.staleness);
  });

  it("are all methods that there are", async () => {
    const played = await specs("attacked");
    const missing = [
      ...selectionFaces
        .map(({ name }) => name)
        .filter((name) => !played.some((one) => one.selection.strategy === name)),
      ...aggregationFaces
        .map(({ name }) => name)
        .filter((name) => !played.some((one) => one.aggregation.strategy === name)),
      ...relayFaces
        .map(({ name }) => name)
        .filter((name) => !played.some((one) => one.round.relay?.strategy === name)),
      ...trainingFaces
        .map(({ name }) => name)
        .filter((name) => !played.some((one) => one.training.method === name)),
    ];
    expect(missing).toEqual(Object.keys(NOT_PLAYED));
  });

  it.each(contests)(
    "of $name have specs that the platform takes, robust ones with attackers alone",
    async ({ name }) => {
      const played = await specs(name);
      const isRobust = entrants.filter((entrant) => entrant.isRobust);
      expect(played).toHaveLength(entrants.length - (name === "attacked" ? 0 : isRobust.length));
    },
  );
});

describe("contests", () => {
  it("have names of their own, and something to reach", () => {
    expect(new Set(contests.map(({ name }) => name)).size).toBe(contests.length);
    for (const { targetAccuracy, budgetMinutes, stragglers } of contests) {
      expect(targetAccuracy).toBeGreaterThan(0.1);
      expect(targetAccuracy).toBeLessThan(1);
      expect(budgetMinutes).toBeGreaterThan(0);
      expect(stragglers).toBeGreaterThanOrEqual(0);
      expect(stragglers).toBeLessThanOrEqual(1);
    }
  });
});
