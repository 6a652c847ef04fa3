// The test projects, and which of their files a tier plays: `--mode quick`, `--mode eighth-3`, or everything.
// unit (pure, milliseconds), process (starts processes or servers of its own), contract (one suite over every
// implementation of a seam), functions (handlers on the local cloud's servers, in process), terraform (the
// program itself, offline) and box (real function processes).
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { ensureMethods } from "./infra/setup/steps/methods.mjs";
import { readCommit } from "./infra/testing/commit.ts";
import TierReporter from "./infra/testing/reporter.ts";
import { readTestFiles } from "./infra/testing/testFiles.ts";
import { filesOf, tierOf } from "./infra/testing/tiers.ts";

ensureMethods(fileURLToPath(new URL(".", import.meta.url)));

export default defineConfig(({ mode }) => {
  const tier = tierOf(mode, readCommit);
  const files = readTestFiles();
  const played = new Set(filesOf(tier, files));
  const left = files.map(({ path }) => path).filter((path) => !played.has(path));
  const project = (name: string, options: object = {}, setupFiles: readonly string[] = []) => ({
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      exclude: left,
      setupFiles: ["test/support/failOnConsole.ts", ...setupFiles],
      environment: "node",
      restoreMocks: true,
      provide: { tier },
      ...options,
    },
  });
  // These replace modules that other files share.
  const mocking = files.filter(
    ({ path, text }) => path.startsWith("test/unit/") && /\bvi\.(doM|m)ock\(/.test(text),
  );
  return {
    test: {
      reporters: ["default", new TierReporter()],
      // By itself, Vitest leaves one core to others: on two cores, files would run one after the other.
      maxWorkers: availableParallelism(),
      projects: [
        // Milliseconds each; the bound only has to survive a busy machine. Pure tests share what they import:
        // isolated, they would spend most of their time on loading it.
        project(
          "unit",
          { testTimeout: 30_000, isolate: false, exclude: [...left, ...mocking.map(({ path }) => path)] },
          ["test/support/properties.ts"],
        ),
        project("unit-isolated", { testTimeout: 30_000, include: mocking.map(({ path }) => path) }, [
          "test/support/properties.ts",
        ]),
        project("process", { testTimeout: 30_000, hookTimeout: 60_000 }),
        project("contract", { testTimeout: 30_000, hookTimeout: 60_000 }),
        project("functions", { testTimeout: 30_000, hookTimeout: 60_000 }),
        project("terraform", { testTimeout: 120_000, hookTimeout: 120_000 }),
        project("box", { testTimeout: 180_000, hookTimeout: 120_000, fileParallelism: false }),
      ],
    },
  };
});
