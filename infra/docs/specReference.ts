// The option tables of docs/spec.md, made from the schema that validates a run's spec.
import * as z from "zod";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { type OptionRow, optionRows } from "./optionRows.ts";

const BEGIN = "<!-- options: made by npm run docs -->";
const END = "<!-- end of options -->";

/** Every option of a run's spec. */
export function specOptions(): readonly OptionRow[] {
  return optionRows(z.toJSONSchema(RunSpec, { io: "input" }));
}

/**
 * The page with its option tables made again between the two marks: one for options at the top, one for each
 * group.
 *
 * @throws Error when the page lacks a mark.
 */
export function withSpecOptions(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`The page must hold ${BEGIN} and ${END}.`);
  return `${before}${BEGIN}\n\n${tables(specOptions())}\n\n${END}${after}`;
}

function tables(rows: readonly OptionRow[]): string {
  const groupOf = ({ path }: OptionRow) => (path.includes(".") ? (path.split(".")[0] ?? "") : "");
  const groups = new Map<string, OptionRow[]>();
  for (const row of rows) groups.set(groupOf(row), [...(groups.get(groupOf(row)) ?? []), row]);
  return [...groups]
    .toSorted(([a], [b]) => Number(a !== "") - Number(b !== ""))
    .map(([group, members]) => `${group === "" ? "### At the top" : `### ${group}`}\n\n${table(members)}`)
    .join("\n\n");
}

/** The rows as a table. */
export function table(rows: readonly OptionRow[]): string {
  return ["| option | default | values | meaning |", "|---|---|---|---|", ...rows.map(line)].join("\n");
}

function line({ path, fallback, isRequired, values, meaning, only }: OptionRow): string {
  const shown = fallback !== null ? `\`${fallback}\`` : isRequired ? "required" : "none";
  const choices = only.map((choice) => `\`${choice}\``).join(", ");
  return `| \`${path}\` | ${shown} | ${values} | ${choices === "" ? "" : `With ${choices}: `}${meaning} |`;
}
