// Estimates beside what came: how often the wall time and the cost of a real run lie within p10 to p90 of the
// estimate that was made before it. Each run is the demo's job, or an example's, small.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, Figure } from "../bench.ts";
import { demoJob, EXAMPLES, exampleJob, type Job } from "../estimate/jobs.ts";
import { inWords, isWithin, type Trial, trialsOf } from "../estimate/trials.ts";

const ROUNDS = 3;
const SEEDS = [1, 2, 3] as const;
const LEAST = 0.8;

export const estimate: Bench = {
  name: "estimate",
  about: "estimates made before runs, from checks and from a run before, beside what the runs came to",
  async run({ signal, show }) {
    const folder = await mkdtemp(join(tmpdir(), "estimate-"));
    try {
      const trials: Trial[] = [];
      for (const job of [demoJob(ROUNDS), ...(await exampleJobs(folder))]) {
        trials.push(...(await trialsOf(job, SEEDS, signal, show)));
      }
      return figuresOf(trials);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function exampleJobs(folder: string): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  for (const example of Object.values(EXAMPLES)) jobs.push(await exampleJob(folder, example, ROUNDS));
  return jobs;
}

function figuresOf(trials: readonly Trial[]): readonly Figure[] {
  const share = (of: readonly Trial[], part: "wallSeconds" | "chargedUsd") =>
    of.filter((trial) => isWithin(trial[part])).length / Math.max(1, of.length);
  const groups = (["checks", "like"] as const).map((basis) =>
    trials.filter((trial) => trial.basis === basis),
  );
  return [
    ...groups.flatMap((group): Figure[] => {
      const [first] = group;
      if (first === undefined) return [];
      const note = `${group.length} runs`;
      const from = first.basis === "checks" ? "checks" : "a run before";
      return [
        {
          name: `time within p10 to p90, from ${from}`,
          value: share(group, "wallSeconds"),
          unit: "share",
          aim: { least: LEAST },
          note,
        },
        {
          name: `USD within p10 to p90, from ${from}`,
          value: share(group, "chargedUsd"),
          unit: "share",
          aim: { least: LEAST },
          note,
        },
      ];
    }),
    ...trials.map(
      (trial): Figure => ({
        name: `${trial.job}, seed ${trial.seed}, ${trial.basis}`,
        value: trial.wallSeconds.actual,
        unit: "s",
        note: inWords(trial),
      }),
    ),
  ];
}
