// The worked examples as a user starts them, small: real data, the folder's own model, functions and spec,
// from prepare to a score that is better than guessing.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The output of a script of this repository that has to succeed. */
async function node(...args: readonly string[]): Promise<string> {
  const { code, output } = await nodeEnding(...args);
  expect(code, output).toBe(0);
  return output;
}

async function nodeEnding(...args: readonly string[]): Promise<{ code: number; output: string }> {
  return promisify(execFile)(process.execPath, [...args], { cwd: root }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      output: `${error.stdout}${error.stderr}`,
    }),
  );
}

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "examples-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Example {
  /** Its folder, and that of its prepare.ts. */
  readonly path: string;
  readonly prepare: string;
  readonly options: readonly string[];
  readonly rounds: number;
  /** A metric of the last version, and what guessing would reach. */
  readonly metric: string;
  readonly guessed: number;
  readonly isHigherBetter: boolean;
}

const EXAMPLES: readonly Example[] = [
  {
    path: "images",
    prepare: "images",
    options: ["--clients", "3", "--samples", "150", "--test", "200", "--alpha", "10"],
    rounds: 3,
    metric: "accuracy",
    guessed: 0.1,
    isHigherBetter: true,
  },
  {
    path: "text",
    prepare: "text",
    options: ["--clients", "3", "--characters", "8000", "--test", "1000"],
    rounds: 3,
    metric: "perplexity",
    guessed: 51, // As many characters as the model knows.
    isHigherBetter: false,
  },
  {
    path: "tabular/damage",
    prepare: "tabular",
    options: ["--clients", "5", "--rows", "600"],
    rounds: 3,
    metric: "auc",
    guessed: 0.5,
    isHigherBetter: true,
  },
  {
    path: "tabular/speed",
    prepare: "tabular",
    options: ["--clients", "5", "--rows", "600"],
    rounds: 3,
    metric: "r2",
    guessed: 0, // The mean of the test set.
    isHigherBetter: true,
  },
];

test.each(EXAMPLES)("$path trains in its folder, copied", async (example) => {
  const { path, prepare, options, rounds, metric, guessed, isHigherBetter } = example;
  const copy = join(folder, prepare);
  await cp(join(root, "examples", prepare), copy, {
    recursive: true,
    filter: (source) => !/[/\\]data(\.partial)?$/.test(source),
  });
  await node(join("examples", prepare, "prepare.ts"), "--out", join(copy, "data"), ...options);
  const result = join(folder, "result.json");
  const command = ["federate", join(folder, path), "--rounds", String(rounds), "--compare"];
  const shown = await node("infra/cli/main.ts", ...command, "--firestore", "embedded", "--out", result);
  expect(shown).toContain("| federated |");
  const { runs, trials } = JSON.parse(await readFile(result, "utf8"));
  const { run } = runs[0];
  expect(run).toMatchObject({ status: "completed", evaluatedVersion: rounds, eur: 1 });
  const better = (score: number) => (isHigherBetter ? score - guessed : guessed - score);
  expect(better(run.metrics[metric]), metric).toBeGreaterThan(0);
  expect(trials[0].federated).toEqual(run.metrics);
  expect(better(trials[0].central[metric]), `central ${metric}`).toBeGreaterThan(0);
});

test("a folder whose data or spec are wrong is told so, before anything is started", async () => {
  const federation = { clients: "data/{clientId}.csv", test: "test.csv", spec: "spec.json" };
  await writeFile(join(folder, "federation.json"), JSON.stringify(federation));
  const started = () => nodeEnding("infra/cli/main.ts", "federate", folder);
  await writeFile(join(folder, "spec.json"), JSON.stringify({ name: "", selection: { strategy: "none" } }));
  const refused = await started();
  expect(refused).toMatchObject({ code: 1, output: expect.stringMatching(/^failed: /) });
  for (const path of ["name", "model", "selection"]) expect(refused.output).toContain(path);
  const spec = {
    name: "a",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 2 },
    round: { minUpdates: 2 },
  };
  await writeFile(join(folder, "spec.json"), JSON.stringify(spec));
  expect((await started()).output).toContain(join(folder, "data", "{clientId}.csv"));
  await mkdir(join(folder, "data"));
  for (const name of ["data/a.csv", "test.csv"]) await writeFile(join(folder, name), "");
  expect((await started()).output).toContain("round.minUpdates: must not exceed the number of clients: 1");
});
