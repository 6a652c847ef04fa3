// What remains on the screen when the demo has ended: a table of its rounds and a line of totals.
import type { DemoReport } from "./demoReport.ts";
import { clip, countOf, factLines, scoreText, secondsText, shareText, usdText } from "./format.ts";
import type { Palette } from "./palette.ts";
import { closingColumns } from "./roundColumns.ts";
import { tableLines, widthOf } from "./table.ts";

/** Lines of at most `width` characters. */
export function closingLines(report: DemoReport, width: number, palette: Palette): readonly string[] {
  const [titles = "", ...rows] = tableLines(closingColumns(palette, report.perRound), report.perRound, width);
  const rule = palette.faint("─".repeat(Math.max(...[titles, ...rows].map(widthOf))));
  return [
    palette.title(titles),
    rule,
    ...rows,
    rule,
    ...factLines(totals(report), width).map(palette.title),
    palette.faint(clip("late: older updates that joined; in time: updates in time / clients invoked", width)),
    ...(report.perRound.some(({ atClients }) => atClients !== undefined)
      ? [palette.faint(clip(AT_CLIENTS, width))]
      : []),
  ];
}

const AT_CLIENTS =
  "at clients: of the version that the round began from, the mean (and the worst tenth of clients)";

function totals(report: DemoReport): readonly string[] {
  return [
    countOf(report.rounds, "round"),
    scoreText(report),
    `in time ${shareText(report.eur, 2)}`,
    `${usdText(report.costUsd)} USD`,
    countOf(report.invocations, "invocation"),
    countOf(report.coldStarts, "cold start"),
    `${secondsText(report.wallSeconds)} s`,
  ];
}
