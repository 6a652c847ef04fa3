// `npm run bundle`: makes the bundles and their archives in dist/, and says what is in them.
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { FlError } from "../../shared/core/errors.ts";
import { FUNCTION_NAMES } from "../box/deployment.ts";
import { writeArchives } from "./archive.ts";
import { bundleFunctions } from "./bundleFunctions.ts";
import { bundleRules } from "./bundleRules.ts";

try {
  const bundles = await bundleFunctions();
  const archiveDir = fileURLToPath(new URL("../../dist/archives/", import.meta.url));
  const archives = await writeArchives(bundles, archiveDir);
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
} catch (error) {
  // What breaks a rule, and what esbuild found, is told by the message alone.
  const isTold = error instanceof FlError || (error instanceof Error && "errors" in error);
  console.error(isTold ? error.message : error);
  process.exitCode = 1;
}
