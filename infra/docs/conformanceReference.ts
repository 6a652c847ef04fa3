// The table of conformance cases in docs/client-protocol.md, made of the cases themselves.
import { cases } from "../conformance/conformance.ts";

const MARK = "<!-- cases: made by npm run docs -->";

/**
 * The page with its table made again below the mark, where it ends.
 *
 * @throws Error when the page lacks the mark.
 */
export function withCases(page: string): string {
  const [before, after] = page.split(MARK);
  if (before === undefined || after === undefined) throw new Error(`The page must hold ${MARK}.`);
  const rows = cases.map(({ name, title }) => `| \`${name}\` | ${title} |`);
  return [`${before}${MARK}`, "", "| case | a client that passes it |", "|---|---|", ...rows, ""].join("\n");
}
