// `npm run bench`: measures what is promised and prints a table; `--only NAME` for some, `--json FILE` for
// programs.
import { Command, Option } from "commander";
import { howToUse, runCommandLine } from "../cli/commandLine.ts";
import { requireTemporaryFolder, requireWritableFile, writeResult } from "../cli/files.ts";
import { interruption } from "../cli/interruption.ts";
import { PEERS, type Peer } from "./bench.ts";
import { benches } from "./benches.ts";
import { resultJson, resultTable } from "./report.ts";
import { runBenches } from "./runBenches.ts";

const program = new Command("npm run bench --")
  .showHelpAfterError(howToUse("npm run bench --"))
  .description("Measure FedStratus on this machine. Nothing else should be running.")
  .addOption(
    new Option("--only <name...>", "measure only this; may be repeated").choices(
      benches.map(({ name }) => name),
    ),
  )
  .addOption(new Option("--peer <name>", "measure it beside us, where it is installed").choices(PEERS))
  .option("--json <file>", "write the figures")
  .option("--list", "say what there is", false)
  .action(async (options: { only?: string[]; peer?: Peer; json?: string; list: boolean }) => {
    if (options.list) {
      for (const { name, about } of benches) console.log(`${name.padEnd(20)} ${about}`);
      return;
    }
    requireWritableFile("--json", options.json);
    requireTemporaryFolder();
    const stop = interruption();
    const chosen = benches.filter(({ name }) => options.only?.includes(name) ?? true);
    const results = await runBenches(chosen, {
      signal: stop.signal,
      peer: options.peer ?? null,
      show: (line) => process.stderr.write(`${line}\n`),
    });
    stop.dispose();
    console.log(resultTable(results));
    if (options.json !== undefined) {
      await writeResult("--json", options.json, resultJson(results, new Date()));
    }
    const failed = results.some(({ failure }) => failure !== null);
    process.exitCode = stop.signal.aborted ? stop.exitCode() : failed ? 1 : 0;
  });

await runCommandLine(() => program.parseAsync());
