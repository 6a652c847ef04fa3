// Plays every contest with every entrant and every seed, with real training.
import type { Cell, CellResult } from "../cell.ts";
import { simulateGrid } from "../grid.ts";
import { loadSource, type Source } from "../source.ts";
import type { Contest } from "./contests.ts";
import { type Entrant, entrantsIn } from "./entrants.ts";
import type { Game } from "./leagueFile.ts";

/** Rounds that no entrant gets to within the time. */
const ENDLESS = 9_999;

/**
 * All games, by contest, entrant and seed. The same on every machine; some seconds each.
 *
 * @param options seeds 1 to `seeds`, in so many threads
 * @param onStart told how many games there are; what it returns is called after each
 */
export async function playLeague(
  contests: readonly Contest[],
  options: { readonly seeds: number; readonly workers: number },
  onStart: (games: number) => () => void,
): Promise<readonly Game[]> {
  const planned = (await Promise.all(contests.map((contest) => gamesOf(contest, options.seeds)))).flat();
  const onDone = onStart(planned.length);
  const results = await simulateGrid(
    planned.map(({ cell }) => cell),
    options.workers,
    onDone,
  );
  return planned.flatMap(({ contest, entrant, cell }, i) => {
    const result = results[i];
    return result === undefined ? [] : [gameOf(contest, entrant, cell.seed, result)];
  });
}

async function gamesOf(contest: Contest, seeds: number) {
  const source = withWork(await loadSource(`league/${contest.name}`), contest);
  const scenario = source.kind === "drawn" ? source.scenario : {};
  return entrantsIn(scenario).flatMap((entrant) =>
    Array.from({ length: seeds }, (_, i) => ({
      contest,
      entrant,
      cell: {
        source,
        strategy: entrant.strategy,
        paperFaithful: entrant.paperFaithful ?? false,
        stragglers: contest.stragglers,
        seed: i + 1,
        train: "real",
        accounting: source.accounting,
        spec: { ...entrant.spec, stop: { rounds: ENDLESS } },
        budgetMinutes: contest.budgetMinutes,
      } satisfies Cell,
    })),
  );
}

function withWork(source: Source, { work }: Contest): Source {
  if (work === undefined || source.kind !== "drawn" || source.scenario.training === undefined) return source;
  const { training } = source.scenario;
  const { samplesPerClient, localEpochs } = work;
  const lighter = { ...training, samplesPerClient, spec: { ...training.spec, localEpochs } };
  return { ...source, scenario: { ...source.scenario, training: lighter } };
}

/** One good version may be luck. */
const SMOOTHED = 3;

/** The mean accuracy of a version and the two before it. */
function smoothed(points: CellResult["points"], at: number): number {
  const last = points.slice(at + 1 - SMOOTHED, at + 1);
  return last.reduce((sum, { accuracy }) => sum + (accuracy ?? 0), 0) / SMOOTHED;
}

function gameOf(
  { name, targetAccuracy, budgetMinutes }: Contest,
  entrant: Entrant,
  seed: number,
  { row, points }: CellResult,
): Game {
  const first = points.find(
    ({ timeMinutes }, i) =>
      timeMinutes <= budgetMinutes && i + 1 >= SMOOTHED && smoothed(points, i) >= targetAccuracy,
  );
  return {
    contest: name,
    entrant: entrant.name,
    seed,
    reached:
      first === undefined ? null : { minutes: first.timeMinutes, usd: first.costUsd, updates: first.updates },
    usd: row.costUsd,
    updates: points.at(-1)?.updates ?? 0,
    accuracy: row.accuracy ?? 0,
    worstDecile: row.worstDecile ?? 0,
    eur: row.eur,
  };
}
