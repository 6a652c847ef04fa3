// `npm run bundle`: makes the bundles and says what is in them.
import { relative } from "node:path";
import { FlError } from "../../shared/core/errors.ts";
import { FUNCTION_NAMES } from "../box/deployment.ts";
import { bundleFunctions } from "./bundleFunctions.ts";
import { bundleRules } from "./bundleRules.ts";

try {
  const bundles = await bundleFunctions();
  for (const name of FUNCTION_NAMES) {
    const { dir, sizeBytes, packages } = bundles[name];
    const size = `${(sizeBytes / 1024).toFixed(0)} of ${bundleRules[name].maxKib} KiB`;
    const list = Object.entries(packages).map(([one, version]) => `${one}@${version}`);
    console.log(`${relative(process.cwd(), dir).padEnd(28)} ${size.padStart(14)}  ${list.join(" ")}`);
  }
} catch (error) {
  // What breaks a rule, and what esbuild found, is told by the message alone.
  const isTold = error instanceof FlError || (error instanceof Error && "errors" in error);
  console.error(isTold ? error.message : error);
  process.exitCode = 1;
}
