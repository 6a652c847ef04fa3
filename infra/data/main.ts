// `npm run data -- --clients 4 --out dist/data`: Fashion-MNIST, spread over clients, as files in the folders
// that a deployment's data bucket has. To try a deployment before there is other data.
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { dataObjects } from "../box/box.ts";
import { howToUse, runCommandLine } from "../cli/commandLine.ts";
import { requireFolder } from "../cli/files.ts";
import { loadFashionMnist } from "./fashionMnist.ts";
import { dataFolder } from "./fashionMnistFiles.ts";
import { encodeImages } from "./images.ts";
import { dirichletParts } from "./partition/dirichlet.ts";

/** How unlike the clients are, and how much each has. */
const PARTITION = { seed: 7, alpha: 1, samplesPerClient: 600, minSamples: 100 };

const root = fileURLToPath(new URL("../../", import.meta.url));
const command = new Command("npm run data --")
  .showHelpAfterError(howToUse("npm run data --"))
  .description("Write data sets for clients to try a deployment with.")
  .option("--clients <n>", "clients that hold data", clientCount, 4)
  .option("--out <folder>", "where to", "dist/data")
  .action(async ({ clients, out }: { clients: number; out: string }) => {
    requireFolder("--out", out);
    const folder = dataFolder(root);
    const [train, test] = await Promise.all([
      loadFashionMnist(folder, "train"),
      loadFashionMnist(folder, "test"),
    ]);
    for (const part of ["clients", "evaluation"]) await mkdir(join(out, part), { recursive: true });
    for (const [index, places] of dirichletParts(train.labels, { clients, ...PARTITION }).entries()) {
      const clientId = `clinic-${String(index + 1).padStart(2, "0")}`;
      await writeFile(join(out, dataObjects.client(clientId)), encodeImages(train, places));
    }
    await writeFile(join(out, dataObjects.evaluation), encodeImages(test, [...test.labels.keys()]));
    process.stdout.write(
      `${clients} data sets for clinic-01 and on, and one to score on, in ${relative(process.cwd(), out)}\n`,
    );
  });
await runCommandLine(() => command.parseAsync());

function clientCount(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 200) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 to 200.");
}
