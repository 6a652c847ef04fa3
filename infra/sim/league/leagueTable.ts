// The league on a terminal: a table a contest, and how the default compares.
import { type Column, tableLines } from "../../cli/view/table.ts";
import type { Contest } from "./contests.ts";
import type { Interval, Standing, Verdict } from "./standings.ts";

/** Lines of at most `width` characters. */
export function leagueLines(
  contests: readonly Contest[],
  standings: readonly Standing[],
  verdicts: readonly Verdict[],
  width: number,
): readonly string[] {
  return contests.flatMap((contest) => {
    const own = standings.filter(({ contest: name }) => name === contest.name);
    return own.length === 0
      ? []
      : [
          `${contest.name}: accuracy ${contest.targetAccuracy} within ${contest.budgetMinutes} minutes`,
          ...tableLines(columns, own, width),
          ...verdicts.filter(({ contest: name }) => name === contest.name).map(verdictLine),
          "",
        ];
  });
}

const number = { align: "right", rank: 0 } as const;

const columns: readonly Column<Standing>[] = [
  { title: "method", align: "left", rank: 0, cell: ({ entrant }) => entrant },
  { title: "reached", ...number, rank: 1, cell: ({ reached, seeds }) => `${reached}/${seeds}` },
  { title: "minutes", ...number, cell: ({ toTarget }) => intervalText(toTarget.minutes, 1) },
  { title: "USD", ...number, cell: ({ toTarget }) => intervalText(toTarget.usd, 3) },
  { title: "updates", ...number, rank: 2, cell: ({ toTarget }) => toTarget.updates.mean.toFixed(0) },
  { title: "accuracy", ...number, cell: ({ accuracy }) => intervalText(accuracy, 3) },
  { title: "worst tenth", ...number, rank: 3, cell: ({ worstDecile }) => worstDecile.mean.toFixed(3) },
  { title: "in time", ...number, rank: 4, cell: ({ eur }) => eur.toFixed(2) },
];

/** The mean and the interval, such as "11.2 (9.8–12.5)". */
export function intervalText({ mean, low, high }: Interval, digits: number): string {
  return `${mean.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

const NAMES = { minutes: "time", usd: "USD", updates: "updates" } as const;

function verdictLine({ measure, best, ratio, outcome, p }: Verdict): string {
  return `default, ${NAMES[measure]} to the target: ${ratio.toFixed(2)} × ${best}, ${outcome} (p ${p.toFixed(2)})`;
}
