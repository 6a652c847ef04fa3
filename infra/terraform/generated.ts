// What is generated in terraform/: the tables of variables and outputs in a README, from the .tf files of its
// folder, and the fields without an index, from the documents' schemas.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { databaseIndexes } from "../box/databaseIndexes.ts";

const terraform = join(import.meta.dirname, "../../terraform");
/** The folders that others call: each has a README with tables. */
export const tableFolders: readonly string[] = [terraform, join(terraform, "modules/client_silo")];

export const unindexedFile = join(terraform, "modules/database/unindexed.json");

/** By collection, the fields that Firestore is to write no index entries for. */
export function unindexedFields(): string {
  const sorted = Object.entries(databaseIndexes.unindexed).map(([name, fields]) => [name, fields.toSorted()]);
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}

/**
 * The README of a folder, with its tables made again after the marks `<!-- variables -->` and `<!-- outputs
 * -->`.
 */
export function withTables(folder: string): string {
  const text = (file: string) => readFileSync(join(folder, file), "utf8");
  const variables = blocks(text("variables.tf"), "variable").map(
    ({ name, body }) => `| \`${name}\` | ${description(body)} | ${fallback(body)} |`,
  );
  const outputs = blocks(text("outputs.tf"), "output").map(
    ({ name, body }) => `| \`${name}\` | ${description(body)} |`,
  );
  return [
    ["variables", ["| variable | | default |", "|---|---|---|", ...variables]] as const,
    ["outputs", ["| output | |", "|---|---|", ...outputs]] as const,
  ].reduce(
    (readme, [mark, lines]) =>
      readme.replace(
        new RegExp(`<!-- ${mark} -->\\n(\\|[^\\n]*\\n)*`),
        () => `<!-- ${mark} -->\n${lines.join("\n")}\n`,
      ),
    text("README.md"),
  );
}

function blocks(text: string, kind: string): readonly { readonly name: string; readonly body: string }[] {
  const found = text.matchAll(new RegExp(`^${kind} "(\\w+)" \\{\\n([\\s\\S]*?)^\\}`, "gm"));
  return [...found].map(([, name = "", body = ""]) => ({ name, body }));
}

function description(body: string): string {
  return (/^ {2}description = "(.*)"$/m.exec(body)?.[1] ?? "").replaceAll("|", "\\|");
}

/** A default is one line in every file here. */
function fallback(body: string): string {
  const found = /^ {2}default +?= (.*)$/m.exec(body)?.[1];
  return found === undefined ? "must be given" : `\`${found}\``;
}
