// The tables of docs/league.md, made from the games in docs/league.json.
import { entrants } from "../sim/league/entrants.ts";
import { LeagueFile } from "../sim/league/leagueFile.ts";
import { intervalText } from "../sim/league/leagueTable.ts";
import { type Standing, standingsOf, type Verdict, verdictsOf } from "../sim/league/standings.ts";

const BEGIN = "<!-- league: made by npm run docs -->";
const END = "<!-- end of league -->";

/**
 * The page with its tables made again between two marks.
 *
 * @throws Error when the page lacks a mark, or the file is no league.
 */
export function withLeague(page: string, file: string): string {
  const { contests, games } = LeagueFile.parse(JSON.parse(file));
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`The page must hold ${BEGIN} and ${END}.`);
  const standings = standingsOf(games, contests);
  const sections = contests.map(({ name, targetAccuracy, budgetMinutes }) =>
    [
      `### ${name}: accuracy ${targetAccuracy} within ${budgetMinutes} minutes`,
      "",
      standingRows(standings.filter(({ contest }) => contest === name)),
    ].join("\n"),
  );
  const text = [verdictRows(verdictsOf(games, contests)), ...sections, entrantRows(games)].join("\n\n");
  return `${before}${BEGIN}\n\n${text}\n\n${END}${after}`;
}

function standingRows(standings: readonly Standing[]): string {
  const rows = standings.map(
    ({ entrant, reached, seeds, toTarget, accuracy, worstDecile, eur }) =>
      `| \`${entrant}\` | ${reached} of ${seeds} | ${intervalText(toTarget.minutes, 1)} | ${intervalText(toTarget.usd, 3)} | ${toTarget.updates.mean.toFixed(0)} | ${intervalText(accuracy, 3)} | ${worstDecile.mean.toFixed(3)} | ${eur.toFixed(2)} |`,
  );
  return [
    "| method | reached | minutes | USD | updates | accuracy | worst tenth | in time |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

const NAMES = { minutes: "time", usd: "USD", updates: "updates" } as const;

function verdictRows(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(
    ({ contest, measure, best, ratio, outcome, p }) =>
      `| ${contest} | ${NAMES[measure]} | \`${best}\` | ${ratio.toFixed(2)} | ${outcome} | ${p.toFixed(2)} |`,
  );
  return [
    "| contest | to the target | best other method | default ÷ it | the default | p |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function entrantRows(games: LeagueFile["games"]): string {
  const played = new Set(games.map(({ entrant }) => entrant));
  const rows = entrants
    .filter(({ name }) => played.has(name))
    .map(({ name, title }) => `| \`${name}\` | ${title} |`);
  return ["| method | |", "|---|---|", ...rows].join("\n");
}
