// `npm run simulate -- --league`: every method in every contest, as tables and as a file.
import { type ResultPlace, requireResultPlace, screenOf, writeResultFile } from "../../cli/resultPlace.ts";
import { createProgress } from "../report/progress.ts";
import { contests as allContests, shortened } from "./contests.ts";
import { leagueText } from "./leagueFile.ts";
import { leagueLines } from "./leagueTable.ts";
import { playLeague } from "./playLeague.ts";
import { standingsOf, verdictsOf } from "./standings.ts";

export interface LeagueOptions {
  /** Seeds 1 to this. */
  readonly seeds: number;
  /** Whether contests are shortened. */
  readonly quick: boolean;
  readonly workers: number;
  readonly result: ResultPlace;
}

/** Prints the tables to `out`, the progress to `err`, and writes the file that was asked for. */
export async function runLeague(
  { seeds, quick, workers, result }: LeagueOptions,
  out: NodeJS.WritableStream & { readonly columns?: number },
  err: NodeJS.WritableStream,
): Promise<void> {
  requireResultPlace(result);
  const screen = screenOf<NodeJS.WritableStream & { readonly columns?: number }>(result, out, err);
  const contests = quick ? allContests.map(shortened) : allContests;
  let progress: ReturnType<typeof createProgress> | undefined;
  try {
    const games = await playLeague(contests, { seeds, workers }, (count) => {
      progress = createProgress(count, err);
      return progress.step;
    });
    progress?.stop();
    const lines = leagueLines(
      contests,
      standingsOf(games, contests),
      verdictsOf(games, contests),
      screen.columns ?? 160,
    );
    for (const line of lines) screen.write(`${line}\n`);
    const text = leagueText({ contests: [...contests], games: [...games] });
    await writeResultFile(result, text);
    if (result.isPrinted) out.write(text);
  } finally {
    progress?.stop();
  }
}
