// `npm run check`: everything that can be said of the code without running it.
import { fileURLToPath } from "node:url";
import { builtProblems } from "../bundle/bundleFunctions.ts";
import { runCommandLine } from "../cli/commandLine.ts";
import type { Check } from "./check.ts";
import { importProblems } from "./importRules.ts";
import { parseImports } from "./parseImports.ts";
import { listIgnoredButTracked, readSources } from "./readSources.ts";
import { toolCheck } from "./runTool.ts";
import {
  commentWidthProblems,
  foreignProblems,
  functionProblems,
  headerProblems,
  lockfileProblems,
  pathProblems,
  switchedOffProblems,
} from "./sourceRules.ts";
import { unitTestProblems } from "./testRules.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const sources = readSources(root);
const biomeOptions = [
  "--colors=off",
  "--error-on-warnings",
  "--diagnostic-level=warn",
  "--max-diagnostics=20",
];
const parsed = /\.(ts|mts|js|mjs)$/;

const checks: readonly Check[] = [
  toolCheck("types (tsc)", root, "tsc", ["--project", ".", "--pretty", "false"]),
  toolCheck("format and lint (biome)", root, "biome", ["ci", ".", ...biomeOptions]),
  toolCheck("dead code (knip)", root, "knip", ["--no-progress", "--treat-config-hints-as-errors"]),
  {
    name: "import direction",
    run: async () => {
      const files = (await sources).filter(({ path }) => parsed.test(path));
      return importProblems(files.flatMap(parseImports));
    },
  },
  {
    name: "pure unit tests",
    run: async () => {
      const files = (await sources).filter(({ path }) => parsed.test(path));
      return unitTestProblems(files.flatMap(parseImports));
    },
  },
  { name: "rules of bundles", run: () => builtProblems(root) },
  { name: "first lines", run: async () => headerProblems(await sources) },
  { name: "width of comments", run: async () => commentWidthProblems(await sources) },
  { name: "nothing of one machine", run: async () => foreignProblems(await sources) },
  { name: "lockfile without addresses", run: async () => lockfileProblems(await sources) },
  { name: "paths of any folder", run: async () => pathProblems(await sources) },
  { name: "no test switched off", run: async () => switchedOffProblems(await sources) },
  { name: "parts of functions", run: async () => functionProblems(await sources) },
  {
    name: "nothing generated is committed",
    run: async () => {
      const paths = await listIgnoredButTracked(root);
      return paths.map(
        (path) => `${path}: .gitignore names it, so it must not be committed: git rm --cached`,
      );
    },
  },
];

async function runCheck({ name, run }: Check): Promise<readonly string[]> {
  const startMs = performance.now();
  const problems = await run().catch((error: unknown) => [String(error)]);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${problems.length === 0 ? "✓" : "✗"} ${name.padEnd(28)} ${seconds.padStart(5)} s`);
  return problems.length === 0 ? [] : [`\n${name}:`, ...problems.map((line) => `  ${line}`)];
}

await runCommandLine(async () => {
  const failures = (await Promise.all(checks.map(runCheck))).flat();
  if (failures.length === 0) return;
  console.log(failures.join("\n"));
  process.exitCode = 1;
});
