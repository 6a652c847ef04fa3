// `npm run bundle [-- --sign KEY]`: makes the bundles and their archives in dist/, says what is in them, and
// signs their sums.
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { version as esbuild } from "esbuild";
import { FlError } from "../../shared/core/errors.ts";
import { FUNCTION_NAMES } from "../../shared/core/protocol/tasks.ts";
import { failureText } from "../cli/commandLine.ts";
import { writeArchives } from "./archive.ts";
import { bundleFunctions } from "./bundleFunctions.ts";
import { bundleRules } from "./bundleRules.ts";
import { checkKey, readSource, signSums } from "./provenance.ts";

try {
  const { sign } = new Command("npm run bundle --")
    .description("Make the functions' bundles and archives.")
    .option("--sign <key>", "sign the archives' sums with this SSH key")
    .parse()
    .opts<{ readonly sign?: string }>();
  if (sign !== undefined) await checkKey(sign);
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const source = await readSource(root, { node: process.versions.node, esbuild });
  const bundles = await bundleFunctions({ root });
  const archiveDir = join(root, "dist", "archives");
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
  if (sign !== undefined) console.log(relative(process.cwd(), await signSums(archiveDir, sign)));
} catch (error) {
  // What breaks a rule, and what esbuild found, is reported by the message alone.
  const isExpected = error instanceof FlError || (error instanceof Error && "errors" in error);
  console.error(isExpected ? error.message : failureText(error));
  process.exitCode = 1;
}
