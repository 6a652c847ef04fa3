// Writes what terraform/ takes from elsewhere: the READMEs' tables of variables and outputs from the .tf
// files, and the fields without an index from the documents' schemas. Tests compare them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommandLine } from "../../cli/commandLine.ts";
import { tableFolders, unindexedFields, unindexedFile, withTables } from "../generated.ts";

await runCommandLine(async () => {
  for (const folder of tableFolders) writeFileSync(join(folder, "README.md"), withTables(folder));
  writeFileSync(unindexedFile, unindexedFields());
});
