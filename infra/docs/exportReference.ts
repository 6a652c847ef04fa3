// The columns of exported tables in docs/export.md, made from the table that the export itself uses.
import { type Column, INVOCATION_COLUMNS, ROUND_COLUMNS } from "../cli/export/tables/columns.ts";

const TYPES = {
  text: "text",
  whole: "whole number",
  number: "number",
  flag: "true, false",
  instant: "moment",
} as const;

/**
 * The page with its tables of columns made again, each between two marks.
 *
 * @throws Error when the page lacks a mark.
 */
export function withExportColumns(page: string): string {
  return withTable(withTable(page, "rounds", ROUND_COLUMNS), "invocations", INVOCATION_COLUMNS);
}

function withTable<Row>(page: string, name: string, columns: readonly Column<Row>[]): string {
  const rows = columns.map((column) => `| \`${column.name}\` | ${TYPES[column.type]} | ${column.meaning} |`);
  const table = ["| column | | |", "|---|---|---|", ...rows].join("\n");
  const [begin, end] = [
    `<!-- columns of ${name}: made by npm run docs -->`,
    `<!-- end of columns of ${name} -->`,
  ];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`The page must hold ${begin} and ${end}.`);
  return `${before}${begin}\n\n${table}\n\n${end}${after}`;
}
