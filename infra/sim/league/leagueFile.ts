// The games of a league as a file: what docs/league.md is made from.
import * as z from "zod";

const Reached = z.strictObject({ minutes: z.number(), usd: z.number(), updates: z.number() });

/** One entrant in one contest with one seed. */
const Game = z.strictObject({
  contest: z.string(),
  entrant: z.string(),
  seed: z.number().int(),
  /**
   * When a version and the two before it first had the target accuracy on average: what was spent and folded
   * until then; null where none had.
   */
  reached: Reached.nullable(),
  /** From here on: at the end of the time. */
  usd: z.number(),
  updates: z.number(),
  accuracy: z.number(),
  worstDecile: z.number(),
  eur: z.number(),
});

export type Game = z.infer<typeof Game>;

const ContestFields = z.strictObject({
  name: z.string(),
  stragglers: z.number(),
  targetAccuracy: z.number(),
  budgetMinutes: z.number(),
  work: z.strictObject({ samplesPerClient: z.number(), localEpochs: z.number() }).optional(),
});

export const LeagueFile = z.strictObject({ contests: z.array(ContestFields), games: z.array(Game) });
export type LeagueFile = z.infer<typeof LeagueFile>;

/** A game a line, so that a change shows which games came out otherwise. */
export function leagueText({ contests, games }: LeagueFile): string {
  const lines = (rows: readonly object[]) => rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
  return `{\n  "contests": [\n${lines(contests)}\n  ],\n  "games": [\n${lines(games.map(rounded))}\n  ]\n}\n`;
}

/** Six digits are more than seeds agree on. */
function rounded(game: LeagueFile["games"][number]): object {
  return JSON.parse(
    JSON.stringify(game, (_, value: unknown) =>
      typeof value === "number" ? Number(value.toPrecision(6)) : value,
    ),
  );
}
