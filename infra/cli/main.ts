// The command line: `npm run demo`, `federate`, `box`, `convert` and `export`. Options are declared here;
// the work is in folders beside it.
import { Command, InvalidArgumentError, Option } from "commander";
import { howToUse, runCommandLine } from "./commandLine.ts";
import { AGGREGATION_NAMES, ENCODING_NAMES, STRATEGY_NAMES, type StrategyName } from "./demo/demoOptions.ts";
import { EXPORT_FORMATS } from "./export/formats.ts";
import { JSON_ABOUT, JSON_FLAG, OUT_FLAG, resultPlace } from "./resultPlace.ts";

/** Whole numbers within bounds, both inclusive. */
function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** A share of a whole, 0 to 1, both inclusive. */
function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be a number from 0 to 1.");
}

/** Whole numbers with commas between. */
function seeds(text: string): readonly number[] {
  return text.split(",").map(whole(0, Number.MAX_SAFE_INTEGER));
}

function strategies(text: string): readonly StrategyName[] {
  const names = text.split(",").map((name) => name.trim());
  const known = STRATEGY_NAMES.filter((name) => names.includes(name));
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(
    `It must be one or several of ${STRATEGY_NAMES.join(", ")}, with commas between.`,
  );
}

/** The embedded server starts at once; the official emulator does more, for an hour's work with the box. */
const firestore = (which: "auto" | "embedded") =>
  new Option("--firestore <which>", "the local Firestore")
    .choices(["auto", "official", "embedded"])
    .default(which);

const data = () =>
  new Option(
    "--data <dir>",
    "keep everything in this folder; started again with it, it goes on where it was",
  );

function warn(text: string): void {
  process.stderr.write(`${text}\n`);
}

const program = new Command("npm run").description("Federated learning on cloud functions.");

program
  .command("demo")
  .description("Train on Fashion-MNIST with real function processes, some slow and one crashing.")
  .option("--strategy <names>", "how clients are selected; several, to compare them", strategies, [
    "fedlesscan",
  ])
  .option("--rounds <n>", "rounds to train", whole(1, 1_000), 10)
  .option("--clients <n>", "clients that hold data", whole(2, 200), 20)
  .option("--cohort <n>", "clients selected for a round", whole(1, 200), 8)
  .option("--stragglers <share>", "clients that crash or are slow, half of each", share)
  .option("--own-functions", "a function for each client, as organisations have, not one for all", false)
  .option("--seed <n>", "seed of everything that is drawn", whole(0, Number.MAX_SAFE_INTEGER), 7)
  .addOption(new Option("--aggregation <name>", "how updates become a version").choices(AGGREGATION_NAMES))
  .addOption(new Option("--encoding <name>", "how updates are sent").choices(ENCODING_NAMES))
  .option("--validation <share>", "share of its data that each client scores versions on", share)
  .option("--keep", "leave the local cloud up and print its endpoints", false)
  .option(OUT_FLAG, "write what came of it")
  .option(JSON_FLAG, JSON_ABOUT)
  .addOption(firestore("embedded"))
  .addOption(data())
  .action(async ({ out, json, ...options }) => {
    const result = resultPlace({ out, json }, warn);
    const { runDemo } = await import("./demo/runDemo.ts");
    process.exitCode = await runDemo({ ...options, result });
  });

program
  .command("box")
  .description("Start the local cloud alone and print its endpoints.")
  .addOption(firestore("auto"))
  .addOption(data())
  .action(async (options) => {
    const { runBox } = await import("./runBox.ts");
    process.exitCode = await runBox(options);
  });

program
  .command("federate")
  .description("Train a federation of your own data and model in the local cloud.")
  .argument("<folder>", "where its federation.json lies, such as examples/images")
  .option("--seeds <list>", "train once with each of these seeds in place of the spec's", seeds)
  .option("--rounds <n>", "rounds to train, in place of the spec's", whole(1, 9_999))
  .option("--compare", "train on all data in one place, and each client alone, too", false)
  .option("--keep", "leave the local cloud up and print its endpoints", false)
  .option(OUT_FLAG, "write what came of it")
  .option(JSON_FLAG, JSON_ABOUT)
  .addOption(firestore("embedded"))
  .action(async (folder: string, { out, json, ...options }) => {
    const result = resultPlace({ out, json }, warn);
    const { runFederate } = await import("./federate/runFederate.ts");
    process.exitCode = await runFederate(folder, { ...options, result });
  });

program
  .command("convert")
  .description("Write a .keras file's model.json and weights.safetensors, which a run's spec takes.")
  .argument("<file>", "what model.save of Keras 3 has written")
  .option("--out <dir>", "the folder to write them into", ".")
  .action(async (file: string, { out }: { out: string }) => {
    const { convertKeras } = await import("./keras/convertKeras.ts");
    const { paths, problems } = await convertKeras(file, out);
    for (const path of paths) process.stdout.write(`${path}\n`);
    if (problems.length === 0) return;
    const list = problems.map((problem) => `  ${problem}`).join("\n");
    process.stderr.write(
      `A run would refuse this model. Change it in Keras, and convert it again:\n${list}\n`,
    );
  });

program
  .command("export")
  .description("Write a run's model, its rounds and its invocations in the formats of other tools.")
  .requiredOption("--run <run>", "the run's id; RUN:VERSION of a model: a number, best or last")
  .addOption(new Option("--format <format>", "what to write").choices(EXPORT_FORMATS).makeOptionMandatory())
  .addOption(new Option("--api <url>", "the api's address").env("API_URL").makeOptionMandatory())
  .option("--out <dir>", "the folder to write into, which is made")
  .option("--what <tables>", "rounds or invocations, or both with a comma between; of tables")
  .option("--rounds <range>", "only these rounds: 7, 10-20 or 10-")
  .option("--with-clients", "name the clients in the model card", false)
  .option("--tracking <url>", "the MLflow server, else MLFLOW_TRACKING_URI")
  .option("--experiment <name>", "the MLflow experiment, else FedStratus")
  .option("--token-file <file>", "a file with an identity token, else FEDSTRATUS_TOKEN")
  .option("--force", "replace the files of the same names in a folder that exists", false)
  .action(async ({ api, tokenFile, ...given }) => {
    const [{ exportOf }, { tokenSource }, { runExport }, { apiClient }, { interruption }] = await Promise.all(
      [
        import("./export/exportOptions.ts"),
        import("./export/identity.ts"),
        import("./export/runExport.ts"),
        import("./apiClient.ts"),
        import("./interruption.ts"),
      ],
    );
    const { env } = process;
    const fromEnv = given.format === "mlflow" ? env["MLFLOW_TRACKING_URI"] : undefined;
    const code = await runExport(exportOf({ ...given, tracking: given.tracking ?? fromEnv }), {
      api: apiClient(api.replace(/\/+$/, ""), tokenSource({ tokenFile, env })),
      interruption,
      env,
      nowMs: Date.now,
      print: (line) => process.stdout.write(`${line}\n`),
      warn: (line) => process.stderr.write(`${line}\n`),
    });
    if (code !== 0) process.exit(code); // Calls that were cut short would keep it waiting.
  });

for (const command of program.commands) {
  const typed = `npm run ${command.name()} --`;
  command.usage(`-- ${command.usage()}`).showHelpAfterError(howToUse(typed));
}

await runCommandLine(() => program.parseAsync());
