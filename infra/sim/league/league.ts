// `npm run simulate -- --league`: every method in every contest, as tables and as a file.
import { requireWritableFile, writeResult } from "../../cli/files.ts";
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
  readonly json?: string;
}

/** Prints the tables to `out`, the progress to `err`, and writes the file that was asked for. */
export async function runLeague(
  { seeds, quick, workers, json }: LeagueOptions,
  out: NodeJS.WritableStream & { readonly columns?: number },
  err: NodeJS.WritableStream,
): Promise<void> {
  requireWritableFile("--json", json);
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
      out.columns ?? 160,
    );
    for (const line of lines) out.write(`${line}\n`);
    if (json === undefined) return;
    await writeResult("--json", json, leagueText({ contests: [...contests], games: [...games] }));
  } finally {
    progress?.stop();
  }
}
