// Two runs beside each other: the options in which they differ, and their final figures.
import type { Run } from "../../../shared/core/schemas/run.ts";

export interface ComparedRuns {
  readonly a: string;
  readonly b: string;
  /** By path, in order; null where a run does not have it. */
  readonly spec: readonly { readonly path: string; readonly a: unknown; readonly b: unknown }[];
  readonly totals: readonly {
    readonly figure: string;
    readonly a: number | string | null;
    readonly b: number | string | null;
  }[];
}

/** @param all whether options that are the same are in it, too */
export function compareRuns(a: Run, b: Run, all: boolean): ComparedRuns {
  const [ofA, ofB] = [leavesOf(a.spec), leavesOf(b.spec)];
  const paths = [...new Set([...ofA.keys(), ...ofB.keys()])].toSorted();
  const spec = paths.map((path) => ({ path, a: ofA.get(path) ?? null, b: ofB.get(path) ?? null }));
  const [figuresA, figuresB] = [figuresOf(a), figuresOf(b)];
  return {
    a: a.runId,
    b: b.runId,
    spec: all ? spec : spec.filter((row) => JSON.stringify(row.a) !== JSON.stringify(row.b)),
    totals: figuresA.map(([figure, value], i) => ({ figure, a: value, b: figuresB[i]?.[1] ?? null })),
  };
}

type Figure = readonly [name: string, value: number | string | null];

function figuresOf({ status, round, accuracy, loss, best, eur, totals }: Run): readonly Figure[] {
  return [
    ["status", status],
    ["rounds", round],
    ["accuracy", accuracy],
    ["loss", loss],
    ["best accuracy", best?.accuracy ?? null],
    ["in time", eur],
    ["invoked", totals.invoked],
    ["cost USD", totals.costUsd],
    ["seconds", totals.wallMs / 1_000],
  ];
}

/** Every value that is no object, by its path; a list is one value. */
function leavesOf(value: unknown, path = ""): ReadonlyMap<string, unknown> {
  const isBranch = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isBranch) return new Map(value === undefined ? [] : [[path, value]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...leavesOf(inner, path === "" ? key : `${path}.${key}`),
    ]),
  );
}

/** Aligned lines: the options, then the figures. */
export function comparisonLines({ a, b, spec, totals }: ComparedRuns): readonly string[] {
  const text = (value: unknown) =>
    value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  const rows = [
    ["", a, b],
    ...spec.map((row) => [row.path, text(row.a), text(row.b)]),
    ...totals.map((row) => [row.figure, figureText(row.a), figureText(row.b)]),
  ];
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? "").length));
  const lines = rows.map(([first = "", second = "", third = ""]) =>
    `${first.padEnd(width(0))}  ${second.padEnd(width(1))}  ${third}`.trimEnd(),
  );
  const none = spec.length === 0 ? ["No option differs."] : [];
  return [...lines.slice(0, 1 + spec.length), ...none, "", ...lines.slice(1 + spec.length)];
}

function figureText(value: number | string | null): string {
  if (value === null) return "–";
  return typeof value === "string" ? value : String(Number(value.toPrecision(5)));
}
