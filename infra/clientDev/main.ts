// `npm run client:dev`: tries a data set, an owner's code and a run's model on the owner's machine, and
// prints what a check of the deployed client would report.
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import type { OwnPaths } from "../bundle/ownCode.ts";
import { howToUse, runCommandLine } from "../cli/commandLine.ts";
import { dataAddress } from "../data/dataAddress.ts";
import { readSpec } from "./readSpec.ts";
import { causeLines, reportLines } from "./reportLines.ts";
import { tryClient } from "./tryClient.ts";

interface Options extends OwnPaths {
  readonly data: string;
  readonly features?: string;
  readonly spec?: string;
  readonly model?: string;
  readonly client: string;
  readonly dataSet?: string;
  readonly memory: number;
  readonly json: boolean;
}

function mebibytes(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 128 && value <= 32_768) return value;
  throw new InvalidArgumentError("It must be a whole number from 128 to 32768.");
}

await runCommandLine(async () => {
  const { json, data, features, spec, model, client, dataSet, memory, ...own } = new Command(
    "npm run client:dev --",
  )
    .showHelpAfterError(howToUse("npm run client:dev --"))
    .description("Try data, code of your own and a model, as a check of the deployed client would.")
    .requiredOption("--data <address>", "a file, a folder, a pattern or a bucket's prefix, as CLIENT_DATA")
    .option("--features <address>", "the features file, as CLIENT_FEATURES")
    .option("--loader <file>", "a loader of your own")
    .option("--trainer <file>", "a trainer of your own")
    .option("--layers <file>", "layers of your own")
    .option("--spec <file>", "a run's spec, of whose model a few steps are trained")
    .option("--model <file>", "the model's JSON where the spec lacks it, or alone with a spec's defaults")
    .option("--client <name>", "what {clientId} stands for", "client")
    .option("--data-set <name>", "what {data} stands for")
    .option("--memory <mib>", "memory of the function", mebibytes, 2_048)
    .option("--json", "print the report as JSON", false)
    .parse()
    .opts<Options>();
  const report = await tryClient({
    root: fileURLToPath(new URL("../../", import.meta.url)),
    own,
    job: {
      clientId: client,
      spec: await readSpec({
        ...(spec === undefined ? {} : { spec }),
        ...(model === undefined ? {} : { model }),
      }),
      ...(dataSet === undefined ? {} : { data: dataSet }),
    },
    environment: {
      CLIENT_DATA: dataAddress(data),
      ...(features === undefined ? {} : { CLIENT_FEATURES: dataAddress(features) }),
      MEMORY_MIB: String(memory),
    },
  });
  const { facts, problems } = report;
  process.stdout.write(json ? `${JSON.stringify({ facts, problems }, null, 2)}\n` : reportLines(report));
  process.stderr.write(causeLines(report));
  if (problems.length > 0) process.exitCode = 1;
});
