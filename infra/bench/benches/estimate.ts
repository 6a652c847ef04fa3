// Estimates beside what came: how often the wall time and the cost of a real run lie within p10 to p90 of the
// estimate that was made before it. Each run is the demo's job, or an example's, small.
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Bench, Figure } from "../bench.ts";
import { demoJob, federationJob, type Job } from "../estimate/jobs.ts";
import { inWords, isWithin, type Trial, trialsOf } from "../estimate/trials.ts";

const ROUNDS = 3;
const SEEDS = [1, 2, 3] as const;
const LEAST = 0.8;
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The examples with so much data as the tests take, and the samples of their test sets. */
const EXAMPLES = [
  {
    name: "images",
    prepare: "images",
    options: ["--clients", "3", "--samples", "150", "--test", "200"],
    test: 200,
  },
  {
    name: "text",
    prepare: "text",
    options: ["--clients", "3", "--characters", "8000", "--test", "1000"],
    test: null,
  },
  { name: "tabular/damage", prepare: "tabular", options: ["--clients", "5", "--rows", "600"], test: null },
] as const;

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
  for (const { name, prepare, options, test } of EXAMPLES) {
    const copy = join(folder, prepare);
    await cp(join(root, "examples", prepare), copy, {
      recursive: true,
      filter: (source) => !/[/\\]data(\.partial)?$/.test(source),
    });
    const script = join(root, "examples", prepare, "prepare.ts");
    await promisify(execFile)(process.execPath, [script, "--out", join(copy, "data"), ...options], {
      cwd: root,
    });
    jobs.push(federationJob(name, join(folder, name), ROUNDS, test));
  }
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
