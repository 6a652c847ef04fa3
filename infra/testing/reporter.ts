// Says at the end of a run of the tests which tier it was, what it did not play, and how to play that. Where
// reporters are named on the command line, this one is too: --reporter=./infra/testing/reporter.ts.
import type { Reporter } from "vitest/node";
import { notPlayed } from "./summary.ts";
import { readTestFiles } from "./testFiles.ts";
import type { Tier } from "./tiers.ts";

export default class TierReporter implements Reporter {
  #lines: readonly string[] = [];

  onInit(vitest: Parameters<NonNullable<Reporter["onInit"]>>[0]): void {
    const provided = vitest.projects[0]?.getProvidedContext() as { readonly tier?: Tier } | undefined;
    this.#lines = provided?.tier === undefined ? [] : notPlayed(provided.tier, readTestFiles());
  }

  onTestRunEnd(): void {
    // After the summary of the reporter before this one.
    process.once("exit", () => process.stdout.write(this.#lines.map((line) => `${line}\n`).join("")));
  }
}
