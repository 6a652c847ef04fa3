// Games of the league, short ones: who plays, what a game says, and that threads make no difference.
import { describe, expect, it } from "vitest";
import type { Contest } from "../../../infra/sim/league/contests.ts";
import { entrants } from "../../../infra/sim/league/entrants.ts";
import { LeagueFile, leagueText } from "../../../infra/sim/league/leagueFile.ts";
import { leagueLines } from "../../../infra/sim/league/leagueTable.ts";
import { playLeague } from "../../../infra/sim/league/playLeague.ts";
import { standingsOf, verdictsOf } from "../../../infra/sim/league/standings.ts";

const contest: Contest = {
  name: "crash",
  stragglers: 0.3,
  targetAccuracy: 0.4,
  budgetMinutes: 12,
  work: { samplesPerClient: 60, localEpochs: 1 },
};

describe("a short league", async () => {
  let told = 0;
  let done = 0;
  const games = await playLeague([contest], { seeds: 1, workers: 2 }, (count) => {
    told = count;
    return () => done++;
  });

  it("is played by all who have no attackers to withstand", () => {
    const names = entrants.flatMap(({ name, isRobust = false }) => (isRobust ? [] : [name]));
    expect(games.map(({ entrant }) => entrant)).toEqual(names);
    expect([told, done]).toEqual([names.length, names.length]);
  });

  it("says when the target was reached, and what was spent until then", () => {
    for (const { reached, usd, updates, accuracy, worstDecile, eur } of games) {
      expect(usd).toBeGreaterThan(0);
      for (const share of [accuracy, worstDecile, eur]) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
      }
      if (reached === null) continue;
      expect(reached.minutes).toBeLessThanOrEqual(contest.budgetMinutes);
      expect(reached.usd).toBeLessThanOrEqual(usd);
      expect(reached.updates).toBeLessThanOrEqual(updates);
    }
    const reached = games.filter((game) => game.reached !== null).length;
    expect(reached).toBeGreaterThan(0);
    expect(reached).toBeLessThan(games.length);
    expect(new Set(games.map(({ accuracy }) => accuracy)).size).toBeGreaterThan(3);
  });

  it("gives clients as little work as it says", async () => {
    const { work, ...whole } = contest;
    const more = await playLeague([whole], { seeds: 1, workers: 2 }, () => () => undefined);
    expect(more.map(({ updates }) => updates)).toEqual(games.map(({ updates }) => updates));
    const best = (of: typeof games) => Math.max(...of.map(({ accuracy }) => accuracy));
    expect(best(more)).toBeGreaterThan(best(games));
    expect(work?.samplesPerClient).toBe(60);
  }, 120_000);

  it("is the same in one thread, and as a file", async () => {
    const again = await playLeague([contest], { seeds: 1, workers: 1 }, () => () => undefined);
    expect(again).toEqual(games);
    const file = leagueText({ contests: [contest], games: [...games] });
    const read = LeagueFile.parse(JSON.parse(file));
    expect(leagueText(read)).toBe(file);
    expect(read.games.map(({ accuracy }) => accuracy)).toEqual(games.map(({ accuracy }) => accuracy));
  }, 120_000);

  it("is a table a contest, with how the default compares", () => {
    const lines = leagueLines(
      [contest, { ...contest, name: "not played" }],
      standingsOf(games, [contest]),
      verdictsOf(games, [contest]),
      100,
    );
    expect(lines[0]).toBe("crash: accuracy 0.4 within 12 minutes");
    expect(lines[1]).toMatch(/^method +reached +minutes/);
    expect(lines.filter((line) => line.startsWith("default, "))).toHaveLength(3);
    expect(lines.join("\n")).not.toContain("not played");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  });
});
