// Estimates beside what came, in a local cloud: made from checks and from the run before, of an example.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EXAMPLES, exampleJob } from "../../infra/bench/estimate/jobs.ts";
import { inWords, isWithin, trialsOf } from "../../infra/bench/estimate/trials.ts";

/** How often they are within p10 to p90 is measured by the bench; a busy machine is not what it was before. */
const FACTOR = 4;

test("what a run takes and costs is about what was estimated before it", async ({ signal }) => {
  const folder = await mkdtemp(join(tmpdir(), "estimate-"));
  try {
    const job = await exampleJob(folder, EXAMPLES.tabular, 2);
    const lines: string[] = [];
    const trials = await trialsOf(job, [1, 2], signal, (line) => lines.push(line));
    expect(trials.map(({ seed, basis }) => [seed, basis])).toEqual([
      [1, "checks"],
      [2, "checks"],
      [2, "like"],
    ]);
    expect(lines).toEqual(trials.map(inWords));
    for (const trial of trials) {
      expect(isWithin(trial.wallSeconds, FACTOR), inWords(trial)).toBe(true);
      expect(isWithin(trial.chargedUsd, FACTOR), inWords(trial)).toBe(true);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
