// `npm run bundle`: makes the bundles and their archives in dist/, perhaps with code of an owner's own, and
// the command line's package; says what is in them, and signs the sums of both.
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { version as esbuild } from "esbuild";
import { FlError } from "../../shared/core/errors.ts";
import { FUNCTION_NAMES } from "../../shared/core/protocol/tasks.ts";
import { failureText, howToUse } from "../cli/commandLine.ts";
import { writeArchives } from "./archive.ts";
import { bundleCli, packCli } from "./bundleCli.ts";
import { bundleFunctions } from "./bundleFunctions.ts";
import { bundleRules } from "./bundleRules.ts";
import type { OwnPaths } from "./ownCode.ts";
import { checkKey, readSource, signSums } from "./provenance.ts";

try {
  const { sign, out, ...own } = new Command("npm run bundle --")
    .showHelpAfterError(howToUse("npm run bundle --"))
    .description("Make the bundles and archives of the functions, and of the command line.")
    .option("--sign <key>", "sign the sums of the archives and the package with this SSH key")
    .option("--loader <file>", "a loader of your own, into the client's archive: see docs/own-code.md")
    .option("--trainer <file>", "a trainer of your own, into the client's archive")
    .option("--layers <file>", "layers of your own, into the client's and the evaluator's archives")
    .option("--out <dir>", "where functions and archives go", "dist")
    .parse()
    .opts<{ readonly sign?: string; readonly out: string } & OwnPaths>();
  if (sign !== undefined) await checkKey(sign);
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const source = await readSource(root, { node: process.versions.node, esbuild });
  const bundles = await bundleFunctions({ root, own, outDir: resolve(root, out, "functions") });
  const archiveDir = resolve(root, out, "archives");
  const archives = await writeArchives(bundles, archiveDir, source);
  for (const name of FUNCTION_NAMES) {
    const { dir, sizeBytes, packages } = bundles[name];
    const size = `${(sizeBytes / 1024).toFixed(0)} of ${bundleRules[name].maxKib} KiB`;
    const list = Object.entries(packages).map(([one, version]) => `${one}@${version}`);
    console.log(`${relative(process.cwd(), dir).padEnd(28)} ${size.padStart(14)}  ${list.join(" ")}`);
  }
  for (const { file, sizeBytes } of archives.values()) {
    const path = relative(process.cwd(), join(archiveDir, file));
    console.log(`${path.padEnd(46)} ${(sizeBytes / 1024).toFixed(0)} KiB`);
  }
  const cli = await bundleCli(root, resolve(root, out, "cli"));
  const packed = await packCli(cli.dir, resolve(root, out));
  const kib = [cli.firstBytes, cli.sizeBytes].map((bytes) => `${(bytes / 1024).toFixed(0)} KiB`);
  console.log(`${relative(process.cwd(), cli.dir).padEnd(28)} ${kib.join(" at first, ")} in all`);
  console.log(relative(process.cwd(), packed));
  if (sign !== undefined) {
    for (const dir of [archiveDir, resolve(root, out)]) {
      console.log(relative(process.cwd(), await signSums(dir, sign)));
    }
  }
} catch (error) {
  // What breaks a rule, and what esbuild found, is reported by the message alone.
  const isExpected = error instanceof FlError || (error instanceof Error && "errors" in error);
  console.error(isExpected ? error.message : failureText(error));
  process.exitCode = 1;
}
