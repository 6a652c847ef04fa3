// `npm run docs`: writes the parts of the documentation that are made from code. A test compares them.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommandLine } from "../cli/commandLine.ts";
import { clientProtocolSchema } from "./clientProtocol.ts";
import { withCommands } from "./cliReference.ts";
import { withCases } from "./conformanceReference.ts";
import { estimateSchema } from "./estimateSchema.ts";
import { withExportColumns } from "./exportReference.ts";
import { withFeatureOptions } from "./featuresReference.ts";
import { withLeague } from "./leaguePage.ts";
import { methodPages } from "./methodPages.ts";
import { withReasons } from "./reasonsReference.ts";
import { withSpecOptions } from "./specReference.ts";

const root = join(import.meta.dirname, "../..");
const docs = join(root, "docs");

await runCommandLine(async () => {
  const page = join(docs, "spec.md");
  writeFileSync(page, withSpecOptions(readFileSync(page, "utf8")));
  writeFileSync(join(docs, "client-protocol.schema.json"), clientProtocolSchema());
  writeFileSync(join(docs, "estimate.schema.json"), estimateSchema());
  const protocol = join(docs, "client-protocol.md");
  writeFileSync(protocol, withCases(readFileSync(protocol, "utf8")));
  const data = join(docs, "data.md");
  writeFileSync(data, withFeatureOptions(readFileSync(data, "utf8")));
  const operate = join(docs, "operate.md");
  writeFileSync(operate, withReasons(readFileSync(operate, "utf8")));
  const exported = join(docs, "export.md");
  writeFileSync(exported, withExportColumns(readFileSync(exported, "utf8")));
  const commands = join(docs, "cli.md");
  writeFileSync(commands, withCommands(readFileSync(commands, "utf8")));
  const league = join(docs, "league.md");
  const games = readFileSync(join(docs, "league.json"), "utf8");
  writeFileSync(league, withLeague(readFileSync(league, "utf8"), games));
  const [methods, pages] = [join(docs, "methods"), methodPages(root)];
  mkdirSync(methods, { recursive: true });
  for (const name of readdirSync(methods)) if (!pages.has(name)) rmSync(join(methods, name));
  for (const [name, text] of pages) writeFileSync(join(methods, name), text);
});
