// Writes the tables of variables and outputs into the READMEs of terraform/. A test compares them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tableFolders, withTables } from "../readmeTables.ts";

for (const folder of tableFolders) writeFileSync(join(folder, "README.md"), withTables(folder));
