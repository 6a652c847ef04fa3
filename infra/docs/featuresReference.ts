// The option tables of docs/data.md, made from the schema that a client reads a features file with.
import * as z from "zod";
import { ColumnOptions, Features } from "../../shared/core/data/features.ts";
import { type OptionRow, optionRows } from "./optionRows.ts";
import { table } from "./specReference.ts";

const BEGIN = "<!-- features: made by npm run docs -->";
const END = "<!-- end of features -->";

/** Every option of a features file. */
export function featureOptions(): readonly OptionRow[] {
  return optionRows(z.toJSONSchema(Features, { io: "input" }));
}

/** Every option of a table's column. */
export function columnOptions(): readonly OptionRow[] {
  return optionRows(z.toJSONSchema(ColumnOptions, { io: "input" }));
}

/**
 * The page with its option tables made again between the two marks.
 *
 * @throws Error when the page lacks a mark.
 */
export function withFeatureOptions(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`The page must hold ${BEGIN} and ${END}.`);
  const tables = `${table(featureOptions())}\n\n### A column of \`inputs\` or \`target\`\n\n${table(columnOptions())}`;
  return `${before}${BEGIN}\n\n${tables}\n\n${END}${after}`;
}
