// A check's report for people: one line a fact, then what is wrong.
import type { CheckFacts } from "../../shared/core/schemas/check.ts";
import type { DataFacts } from "../../shared/core/schemas/dataFacts.ts";

export interface DevReport {
  readonly facts: CheckFacts | null;
  /** As the run's operator would read them. */
  readonly problems: readonly string[];
  /** Of each problem that the trial has found, all that is known: for the owner alone. */
  readonly causes: readonly string[];
}

/** What the report leaves out, for the owner's own eyes: a line for each problem that is more than that. */
export function causeLines({ problems, causes }: DevReport): string {
  const more = causes.filter((cause) => !problems.includes(cause));
  return more.map((cause) => `for you alone  ${cause}\n`).join("");
}

export function reportLines({ facts, problems }: DevReport): string {
  const lines = facts === null ? [] : linesOf(facts);
  const wrong = problems.map((problem) => line("problem", problem));
  return [...lines, ...(wrong.length === 0 ? ["nothing is wrong"] : wrong), ""].join("\n");
}

/** What is null or absent is not known, and is left out. */
function linesOf({ rows, code, metrics, ...facts }: CheckFacts): readonly string[] {
  return [
    ...Object.entries(facts).flatMap(([name, value]) => (value === null ? [] : [line(name, textOf(value))])),
    ...(rows === null ? [] : rowLines(rows)),
    ...Object.entries(code ?? {}).flatMap(([kind, about]) =>
      about === undefined ? [] : [line(kind, `${about.name} ${about.version}`)],
    ),
    ...Object.entries(metrics ?? {}).map(([name, value]) =>
      line("metric", `${name} ${Number(value.toPrecision(4))}`),
    ),
  ];
}

/** How many rows there are, then those that are left out by their reasons. */
function rowLines({ rows, refused, dropped }: DataFacts): readonly string[] {
  return [
    line("rows", String(rows)),
    ...refused.map(({ reason, rows: count, firstRow }) =>
      line("rowsRefused", `${count} ${reason}, the first of them row ${firstRow} (counted from 0)`),
    ),
    ...(dropped === 0 ? [] : [line("rowsDropped", `${dropped}, as the features file says`)]),
  ];
}

function line(name: string, text: string): string {
  return `${name.padEnd(14)} ${text}`;
}

function textOf(value: number | string | boolean | readonly number[]): string {
  if (typeof value === "number") return String(Number(value.toFixed(3)));
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value;
  return value.length === 0 ? "one number" : value.join(" × ");
}
