// What remains on the screen when strategies were compared: a line for each, and what the last ones gain over
// the first.
import type { DemoReport } from "./demoReport.ts";
import { secondsText, shareText, usdText } from "./format.ts";
import { type Column, tableLines } from "./table.ts";

const WIDTH = 100;

/** Seconds of the rounds alone: starting a cloud is no part of a strategy. */
const roundSeconds = ({ perRound }: DemoReport) =>
  perRound.reduce((sum, round) => sum + round.wallSeconds, 0);

const COLUMNS: readonly Column<DemoReport>[] = [
  { title: "strategy", align: "left", rank: 0, cell: ({ strategy }) => strategy },
  { title: "accuracy", align: "right", rank: 0, cell: ({ accuracy }) => shareText(accuracy, 3) },
  { title: "in time", align: "right", rank: 0, cell: ({ eur }) => shareText(eur, 2) },
  { title: "cost USD", align: "right", rank: 0, cell: ({ costUsd }) => usdText(costUsd) },
  { title: "cold", align: "right", rank: 0, cell: ({ coldStarts }) => String(coldStarts) },
  { title: "rounds s", align: "right", rank: 0, cell: (report) => secondsText(roundSeconds(report)) },
];

/** @param reports of the same demo with different strategies, at least one. */
export function comparisonLines(reports: readonly DemoReport[]): readonly string[] {
  const [first, ...others] = reports;
  if (first === undefined) return [];
  return ["", ...tableLines(COLUMNS, reports, WIDTH), ...others.map((report) => gainLine(report, first))];
}

function gainLine(report: DemoReport, first: DemoReport): string {
  const eur = report.eur === null || first.eur === null ? null : report.eur - first.eur;
  return [
    `${report.strategy} against ${first.strategy}: in time ${eur === null ? "–" : signed(eur.toFixed(2))}`,
    `cost ${change(report.costUsd, first.costUsd)}`,
    `time ${change(roundSeconds(report), roundSeconds(first))}`,
  ].join(", ");
}

function change(now: number, before: number): string {
  return before > 0 ? `${signed((100 * (now / before - 1)).toFixed(0))} %` : "–";
}

function signed(number: string): string {
  return number.startsWith("-") ? number.replace("-", "−") : `+${number}`;
}
