// `npm run docs`: writes the parts of the documentation that are made from code. A test compares them.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommandLine } from "../cli/commandLine.ts";
import { withSpecOptions } from "./specReference.ts";

const docs = join(import.meta.dirname, "../../docs");

await runCommandLine(async () => {
  const page = join(docs, "spec.md");
  writeFileSync(page, withSpecOptions(readFileSync(page, "utf8")));
});
