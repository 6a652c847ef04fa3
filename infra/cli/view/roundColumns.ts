// The columns of a table of rounds. The live table draws the cohort and the accuracy; the closing one says
// them in numbers.
import { accuracyBar, cohortBar } from "./bars.ts";
import { clientsText, countText, lossText, secondsText, shareText, stateText, usdText } from "./format.ts";
import type { Palette } from "./palette.ts";
import { isOpen, type RoundSnapshot } from "./roundSnapshot.ts";
import type { Column } from "./table.ts";

type RoundColumn = Column<RoundSnapshot>;

/** @param rounds of the run: where none has an accuracy, but a loss, that is the column. */
export function liveColumns(palette: Palette, rounds: readonly RoundSnapshot[]): readonly RoundColumn[] {
  const { round, late, failed, missed, coldStarts, score, eur, costUsd } = numberColumns(palette, rounds);
  return [
    round,
    {
      title: "reported",
      align: "right",
      rank: 0,
      cell: (row) => `${cohortBar(row, palette)} ${reportedText(row)}`,
    },
    late,
    failed,
    { ...missed, rank: 6 },
    coldStarts,
    score,
    { title: "", align: "left", rank: 7, minWidth: 10, cell: (row) => accuracyBar(row.accuracy, palette) },
    ...clientsColumn(rounds),
    eur,
    costUsd,
    {
      title: "seconds",
      shortTitle: "s",
      align: "right",
      rank: 1,
      minWidth: 5,
      cell: (row) => timeText(row, palette),
    },
    stateColumn(palette),
  ];
}

/** @param rounds as of `liveColumns`. */
export function closingColumns(palette: Palette, rounds: readonly RoundSnapshot[]): readonly RoundColumn[] {
  const { round, late, failed, missed, coldStarts, score, eur, costUsd } = numberColumns(palette, rounds);
  return [
    round,
    { title: "invoked", align: "right", rank: 6, cell: ({ invoked }) => String(invoked) },
    { title: "reported", align: "right", rank: 0, cell: reportedText },
    late,
    failed,
    missed,
    coldStarts,
    score,
    ...clientsColumn(rounds),
    eur,
    costUsd,
    {
      title: "seconds",
      shortTitle: "s",
      align: "right",
      rank: 1,
      cell: ({ wallSeconds }) => secondsText(wallSeconds),
    },
    stateColumn(palette),
  ];
}

type NumberColumn = "round" | "late" | "failed" | "missed" | "coldStarts" | "score" | "eur" | "costUsd";

function numberColumns(
  { warn, bad, title }: Palette,
  rounds: readonly RoundSnapshot[],
): Readonly<Record<NumberColumn, RoundColumn>> {
  const right = { align: "right" } as const;
  const byLoss =
    rounds.every(({ accuracy }) => accuracy === null) && rounds.some(({ loss }) => loss !== null);
  const some = (count: number, paint: (text: string) => string, sign = "") =>
    count === 0 ? countText(0) : paint(`${sign}${count}`);
  return {
    round: { ...right, title: "round", rank: 0, cell: (row) => String(row.round) },
    late: { ...right, title: "late", rank: 4, cell: ({ late }) => some(late, warn, "+") },
    failed: { ...right, title: "failed", rank: 2, cell: ({ failed }) => some(failed, bad) },
    missed: { ...right, title: "missed", rank: 3, cell: ({ missed }) => some(missed, warn) },
    coldStarts: {
      ...right,
      title: "cold starts",
      shortTitle: "cold",
      rank: 5,
      cell: ({ coldStarts }) => countText(coldStarts),
    },
    score: {
      ...right,
      title: byLoss ? "loss" : "accuracy",
      shortTitle: byLoss ? "loss" : "acc.",
      rank: 0,
      cell: ({ accuracy, loss }) => {
        const text = byLoss ? lossText(loss) : shareText(accuracy, 3);
        return (byLoss ? loss : accuracy) === null ? text : title(text);
      },
    },
    eur: { ...right, title: "in time", rank: 3, cell: ({ eur }) => shareText(eur, 2) },
    costUsd: { ...right, title: "cost USD", rank: 2, cell: (row) => usdText(row.costUsd) },
  };
}

/** Only where clients score: the mean over them, and that of the worst tenth. */
function clientsColumn(rounds: readonly RoundSnapshot[]): readonly RoundColumn[] {
  if (rounds.every(({ atClients }) => atClients === undefined)) return [];
  const cell = ({ atClients }: RoundSnapshot) => clientsText(atClients);
  return [{ title: "at clients", align: "right", rank: 2, cell }];
}

function stateColumn({ active, warn }: Palette): RoundColumn {
  return {
    title: "closed by",
    align: "left",
    rank: 1,
    minWidth: 12,
    cell: (row) => {
      if (isOpen(row)) return active(stateText(row));
      return row.status === "degraded" || row.status === "cancelled" ? warn(stateText(row)) : stateText(row);
    },
  };
}

function reportedText({ reported, invoked }: RoundSnapshot): string {
  return `${reported}/${invoked}`;
}

/** An open round counts towards its deadline. */
function timeText(row: RoundSnapshot, { active }: Palette): string {
  const { wallSeconds, deadlineSeconds } = row;
  if (!isOpen(row)) return secondsText(wallSeconds);
  return active(`${Math.floor(wallSeconds)}/${Math.ceil(deadlineSeconds)}`);
}
