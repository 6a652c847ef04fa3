// What the live view shows at one moment, as text. Pure: the same state and size give the same frame.
import { cohortLegend } from "./bars.ts";
import { clip, countOf, factLines, type Head, printable, scoreText, shareText, usdText } from "./format.ts";
import type { ScreenSize } from "./liveScreen.ts";
import type { Palette } from "./palette.ts";
import { liveColumns } from "./roundColumns.ts";
import { isPublished, type RoundSnapshot, type RunSnapshot } from "./roundSnapshot.ts";
import { tableLines, widthOf } from "./table.ts";

export interface LiveState {
  readonly head: Head;
  readonly rounds: readonly RoundSnapshot[];
  /** How many rounds before those there are, and how many of them are closed; none where absent. */
  readonly leftOut?: { readonly rounds: number; readonly closed: number };
  /** Null until the run exists. */
  readonly run: RunSnapshot | null;
}

/** One blank left of everything. */
const MARGIN = " ";

/**
 * At most `rows - 1` lines of at most `columns - 1` characters, so that nothing wraps or scrolls. Where the
 * rounds do not all fit, the earliest are left out and counted.
 */
export function liveFrame(
  { head: about, rounds, leftOut = { rounds: 0, closed: 0 }, run }: LiveState,
  size: ScreenSize,
  palette: Palette,
): string {
  const width = Math.max(0, size.columns - 1 - MARGIN.length);
  const head = headLines(about, width, palette);
  const legend = rounds.length === 0 ? [] : fitting(cohortLegend(palette), width);
  const foot = ["", runLine(about, rounds, leftOut.closed, run, width, palette), ...legend];
  const room = Math.max(2, size.rows - 1 - head.length - foot.length - 1);
  const lines = [...head, "", ...roundLines(rounds, leftOut.rounds, room, width, palette), ...foot];
  return lines
    .slice(-Math.max(1, size.rows - 1))
    .map((line) => (line === "" ? "" : `${MARGIN}${line}`))
    .join("\n");
}

/** What it is about. */
export function headLines({ facts }: Head, width: number, { title, faint }: Palette): readonly string[] {
  const labelWidth = Math.max(...facts.map(([label]) => label.length)) + 2;
  return facts.map(([label, value], k) => {
    const line = clip(label.padEnd(labelWidth) + printable(value), width);
    return k === 0 ? title(line) : faint(line.slice(0, labelWidth)) + line.slice(labelWidth);
  });
}

function roundLines(
  rounds: readonly RoundSnapshot[],
  before: number,
  room: number,
  width: number,
  palette: Palette,
): readonly string[] {
  if (rounds.length === 0) return [palette.faint(clip("waiting for the first round", width))];
  const all = before === 0 && rounds.length + 1 <= room;
  const shown = all ? rounds : rounds.slice(-Math.max(1, room - 2));
  const [titles = "", ...lines] = tableLines(liveColumns(palette, rounds), shown, width);
  const left = before + rounds.length - shown.length;
  const earlier = all ? [] : [palette.faint(clip(`… ${countOf(left, "earlier round")}`, width))];
  return [palette.faint(titles), ...earlier, ...lines];
}

function runLine(
  about: Head,
  rounds: readonly RoundSnapshot[],
  closedBefore: number,
  run: RunSnapshot | null,
  width: number,
  { title }: Palette,
): string {
  if (run === null) return clip("starting", width);
  const closed = closedBefore + rounds.filter(isPublished).length;
  const facts = [
    run.status,
    `${closed} of ${countOf(about.rounds, "round")}`,
    scoreText(run),
    `in time ${shareText(run.eur, 2)}`,
    `${usdText(run.costUsd)} USD`,
    ...(run.modelVersion === null ? [] : [`model version ${run.modelVersion}`]),
  ];
  const [line = ""] = factLines(facts, width);
  return title(line.slice(0, run.status.length)) + line.slice(run.status.length);
}

/** The line, if there is room for all of it. */
function fitting(line: string, width: number): readonly string[] {
  return widthOf(line) <= width ? [line] : [];
}
