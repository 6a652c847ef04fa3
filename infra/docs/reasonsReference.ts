// The table of failure reasons in docs/operate.md, made of the one that clients take them from.
import { FAILURE_REASONS } from "../../shared/core/failureReasons.ts";

const MARK = "<!-- reasons: made by npm run docs -->";

/**
 * The page with its table made again below the mark.
 *
 * @throws Error when the page lacks the mark.
 */
export function withReasons(page: string): string {
  const [before, after] = page.split(MARK);
  if (before === undefined || after === undefined) throw new Error(`The page must hold ${MARK}.`);
  const rows = Object.entries(FAILURE_REASONS).map(
    ([reason, { text, lasting }]) => `| \`${reason}\` | ${text} | ${lasting ? "yes" : "no"} |`,
  );
  const table = ["| reason | means | lasts |", "|---|---|---|", ...rows].join("\n");
  return `${before}${MARK}\n${table}\n${after.replace(/^(?:\n?\|[^\n]*)*\n/, "")}`;
}
