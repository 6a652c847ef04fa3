// The documents that people read: every Markdown file of the repository, with its text.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** Relative to the repository's root, in order. */
export const guidePaths: readonly string[] = [
  ...globSync("*.md", { cwd: root }),
  ...["docs", "examples", "terraform"].flatMap((folder) =>
    globSync(`${folder}/**/*.md`, { cwd: root, exclude: ["**/.terraform/**"] }),
  ),
]
  .map((path) => path.replaceAll("\\", "/"))
  .toSorted();

export function readGuide(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/**
 * What users follow, one after the other: all documents but the changelog and the decisions, which are
 * history.
 */
export const guides: string = guidePaths
  .filter((path) => path !== "CHANGELOG.md" && !path.startsWith("docs/decisions/"))
  .map(readGuide)
  .join("\n");
