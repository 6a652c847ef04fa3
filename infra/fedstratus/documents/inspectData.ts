// What is in a data set, for people: facts, a line a column, and a features file to paste.

import { type ColumnFacts, type InspectReport, runInspect } from "../../data/inspect/runInspect.ts";
import { newFile } from "../../data/write/newFiles.ts";
import type { Context } from "../frame/context.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { whileUninterrupted } from "../frame/whileUninterrupted.ts";
import { factLines } from "../output/factLines.ts";
import { onOneLine } from "../output/output.ts";

export interface InspectGiven {
  readonly label: string | undefined;
  readonly features: string | undefined;
  readonly rows: number;
  readonly all: boolean;
  readonly showValues: boolean;
  readonly out: string | undefined;
  readonly force: boolean;
}

const DEFAULT_WIDTH = 100;
/** Of a category's values, on a line. */
const MOST_VALUES = 8;

export async function inspectData(
  path: string,
  { rows, all, showValues, out: file, force, label, features }: InspectGiven,
  { io, out }: Context,
): Promise<ExitName | undefined> {
  const target = file === undefined ? null : newFile("--out", file, io.cwd, force);
  const job = { path, label, features, most: all ? null : rows, withValues: showValues };
  const ended = await whileUninterrupted(io, (signal) => runInspect(job, io.cwd, signal));
  if (typeof ended === "string") return ended;
  const { report, whole } = ended;
  if (target !== null && whole !== null) await target.write(`${JSON.stringify(whole, null, 2)}\n`);
  await out.document(report, () => linesOf(report, io.stdout.columns ?? DEFAULT_WIDTH));
  for (const note of report.notes) out.warn(note);
  if (target !== null) {
    out.say(
      whole === null
        ? "No features file was written: none could be made."
        : `${file} holds values of the data: look it through before you give it to others.`,
    );
  }
  return undefined;
}

async function linesOf(report: InspectReport, width: number): Promise<readonly string[]> {
  const { kind, format, files, sizeBytes, rows, isAll, refused, asRead, facts, classes, suggested } = report;
  const shape = (sizes: readonly number[]) => `[${sizes.join(", ")}]`;
  const reasons = (all: InspectReport["refused"]) =>
    all.map(({ reason, rows: count, firstRow }) => `${count} ${reason} (first: row ${firstRow})`).join(", ");
  const head = factLines([
    ["kind", format === kind ? kind : `${kind}, ${format}`],
    ["files", files],
    ["bytes", sizeBytes],
    [
      kind === "table" || kind === "arrays" ? "rows" : "files read",
      isAll ? rows : `${rows}, the first of more`,
    ],
    ["unreadable", reasons(refused)],
    ["samples", asRead?.samples],
    ["input", asRead === null ? null : shape(asRead.inputShape)],
    ["target", asRead === null ? null : shape(asRead.targetShape)],
    ["refused", asRead === null ? null : reasons(asRead.refused)],
    ["dropped", asRead === null || asRead.dropped === 0 ? null : asRead.dropped],
    ...Object.entries(facts),
    ["classes", classes.map(({ name, rows: count }) => `${name} ${count}`).join(", ")],
  ]);
  return [
    ...head,
    ...(report.columns.length === 0 ? [] : ["", ...(await columnLines(report.columns, width))]),
    ...(suggested === null ? [] : ["", ...JSON.stringify(suggested, null, 2).split("\n")]),
  ];
}

async function columnLines(columns: readonly ColumnFacts[], width: number): Promise<readonly string[]> {
  const { tableLines } = await import("../../cli/view/table.ts");
  const hasValues = columns.some(({ values }) => values !== undefined);
  return tableLines(
    [
      { title: "column", align: "left", rank: 0, cell: ({ name }: ColumnFacts) => onOneLine(name) },
      {
        title: "holds",
        align: "left",
        rank: 0,
        cell: ({ kind, listSize, isKey }) =>
          `${kind}${listSize === null ? "" : ` of ${listSize}`}${isKey ? ", each once" : ""}`,
      },
      { title: "missing", align: "right", rank: 1, cell: ({ missing }) => String(missing) },
      {
        title: "different",
        align: "right",
        rank: 2,
        cell: ({ distinct, kind }) =>
          distinct === null ? (kind === "list" ? "" : "many") : String(distinct),
      },
      ...(hasValues
        ? [
            {
              title: "values",
              align: "left" as const,
              rank: 3,
              cell: (column: ColumnFacts) => valuesText(column),
            },
          ]
        : []),
    ],
    columns,
    width,
  );
}

function valuesText({ range, values }: ColumnFacts): string {
  if (range != null) return `${range[0]} to ${range[1]}`;
  const few = (values ?? []).slice(0, MOST_VALUES).map(({ value, rows }) => `${value} ${rows}`);
  return onOneLine(few.join(", "));
}
