// The closing table: what came of each cell, what others measured, and the difference.
import { type Column, tableLines } from "../../cli/view/table.ts";
import type { Compared, Summary } from "./summarise.ts";

const NONE = "–";

/** Lines of at most `width` characters. */
export function summaryLines(summaries: readonly Summary[], width: number): readonly string[] {
  return tableLines(columnsFor(summaries), summaries, width);
}

function columnsFor(summaries: readonly Summary[]): readonly Column<Summary>[] {
  const number = { align: "right", rank: 0 } as const;
  const counts = [
    {
      title: "bias",
      ...number,
      rank: 2,
      cell: ({ bias }: Summary) => bias.toFixed(1),
    },
    {
      title: "late used",
      shortTitle: "late",
      ...number,
      rank: 3,
      cell: ({ lateUsed }: Summary) => lateUsed.toFixed(1),
    },
  ] as const;
  const scored = summaries.some(({ accuracy }) => accuracy !== null);
  return [
    { title: "scenario", align: "left", rank: 0, cell: ({ scenario }) => scenario },
    { title: "strategy", align: "left", rank: 0, cell: nameOf },
    {
      title: "stragglers",
      shortTitle: "str.",
      ...number,
      cell: ({ stragglers }) => `${Math.round(100 * stragglers)} %`,
    },
    ...comparedColumns("in time", 3, summaries, ({ eur }) => eur, absolute),
    ...comparedColumns("minutes", 1, summaries, ({ timeMinutes }) => timeMinutes, relative),
    ...comparedColumns("USD", 2, summaries, ({ costUsd }) => costUsd, relative),
    ...(scored ? comparedColumns("accuracy", 3, summaries, ({ accuracy }) => accuracy, absolute) : []),
    ...counts,
  ];
}

/** The strategy as tables and plots name it. */
export function nameOf({ strategy, paperFaithful }: Pick<Summary, "strategy" | "paperFaithful">): string {
  return paperFaithful ? `${strategy} (paper)` : strategy;
}

/** Ours; where anything was measured by others, also theirs and the difference. */
function comparedColumns(
  title: string,
  digits: number,
  summaries: readonly Summary[],
  pick: (summary: Summary) => Compared | null,
  difference: (ours: number, reference: number, digits: number) => string,
): readonly Column<Summary>[] {
  const own: Column<Summary> = {
    title,
    align: "right",
    rank: 0,
    cell: (summary) => pick(summary)?.ours.toFixed(digits) ?? NONE,
  };
  if (summaries.every((summary) => (pick(summary)?.reference ?? null) === null)) return [own];
  const known = (summary: Summary, text: (ours: number, reference: number) => string): string => {
    const compared = pick(summary);
    if (compared === null || compared.reference === null) return NONE;
    return text(compared.ours, compared.reference);
  };
  return [
    own,
    {
      title: "published",
      shortTitle: "publ.",
      align: "right",
      rank: 0,
      cell: (summary) => known(summary, (_ours, reference) => reference.toFixed(digits)),
    },
    {
      title: "difference",
      shortTitle: "diff.",
      align: "right",
      rank: 1,
      cell: (summary) => known(summary, (ours, reference) => difference(ours, reference, digits)),
    },
  ];
}

function absolute(ours: number, reference: number, digits: number): string {
  return signed(ours - reference, digits);
}

function relative(ours: number, reference: number): string {
  return reference === 0 ? NONE : `${signed(100 * (ours / reference - 1), 1)} %`;
}

function signed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  const sign = Number(text) > 0 ? "+" : "";
  return Number(text) === 0 ? text.replace("-", "") : `${sign}${text}`;
}
