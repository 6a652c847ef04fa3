// The test projects: unit (pure, milliseconds), contract (one suite over every implementation of a seam), functions
// (handlers on the local cloud's servers, in process), terraform (the program itself, offline) and box (real function processes).
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { ensureMethods } from "./infra/setup/steps/methods.mjs";

ensureMethods(fileURLToPath(new URL(".", import.meta.url)));

const project = (name: string, options: object = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    setupFiles: ["test/support/failOnConsole.ts"],
    environment: "node",
    restoreMocks: true,
    ...options,
  },
});

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      // Milliseconds each; the bound only has to survive a busy machine.
      project("unit", { testTimeout: 30_000 }),
      project("contract", { testTimeout: 30_000, hookTimeout: 60_000 }),
      project("functions", { testTimeout: 30_000, hookTimeout: 60_000 }),
      project("terraform", { testTimeout: 120_000, hookTimeout: 120_000 }),
      project("box", { testTimeout: 180_000, hookTimeout: 120_000, fileParallelism: false }),
    ],
  },
});
