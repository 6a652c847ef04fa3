// Plays the cases against a client, one after the other, and says of each whether it is passed.
import { FlError } from "../../shared/core/errors.ts";
import { checkCases } from "./cases/checks.ts";
import { hostileCases } from "./cases/hostile.ts";
import { interruptionCases } from "./cases/interruptions.ts";
import { refusalCases } from "./cases/refusals.ts";
import { trainingCases } from "./cases/training.ts";
import { updateCases } from "./cases/updates.ts";
import { versionStateCases } from "./cases/versionState.ts";
import { type Bench, type Exchange, play } from "./exchange.ts";
import { type Stage, startStage } from "./stage.ts";
import { theRun } from "./theRun.ts";
import type { Case, Verdict } from "./verdict.ts";

export const cases: readonly Case[] = [
  ...trainingCases,
  ...updateCases,
  ...versionStateCases,
  ...interruptionCases,
  ...refusalCases,
  ...hostileCases,
  ...checkCases,
];

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly verdict: "pass" | "fail" | "skip";
  /** What is wrong, why it was left out, or what there is to say of it; often nothing. */
  readonly why: readonly string[];
  readonly tookMs: number;
}

export interface ConformanceOptions {
  /** What the client is registered with. */
  readonly clientUrl: string;
  /** The first of five ports of the servers that the client talks to; 0 takes free ones. */
  readonly port: number;
  /** A run's spec; a small softmax where undefined. */
  readonly spec?: unknown;
  /** Initial values, safetensors; drawn where undefined. */
  readonly weights?: Uint8Array | undefined;
  /** Names of cases; all where undefined. */
  readonly only?: readonly string[] | undefined;
  readonly platformChecks?: boolean;
  readonly timeoutMs?: number;
  /** Called once the servers listen, with the client's environment: the client may be started here. */
  readonly onReady?: (env: Readonly<Record<string, string>>) => Promise<void>;
  readonly onResult?: (result: Result) => void;
}

const TIMEOUT_MS = 120_000;

/**
 * What came of every case.
 *
 * @throws FlError("invalid-argument") for a spec or weights that no run could be created with, or an unknown
 *   case
 */
export async function testClient(options: ConformanceOptions): Promise<readonly Result[]> {
  const { only } = options;
  const unknown = only?.filter((name) => !cases.some((known) => known.name === name)) ?? [];
  if (unknown.length > 0) {
    const known = cases.map(({ name }) => name).join(", ");
    throw new FlError("invalid-argument", `There is no case ${unknown.join(", ")}. Cases are ${known}.`);
  }
  const run = await theRun(options.spec, options.weights);
  const stage = await startStage(options.port, options.clientUrl);
  try {
    await options.onReady?.(stage.env);
    return await playAll(benchOf(options, run, stage), options);
  } finally {
    await stage.stop();
  }
}

function benchOf(options: ConformanceOptions, run: Bench["run"], stage: Stage): Bench {
  let round = 0;
  const clientUrl = options.clientUrl.replace(/\/+$/, "");
  return {
    stage,
    run,
    clientUrl,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    platformChecks: options.platformChecks ?? false,
    nextRound: () => ++round,
  };
}

async function playAll(bench: Bench, { only, onResult }: ConformanceOptions): Promise<readonly Result[]> {
  let played: Promise<Exchange> | undefined;
  const plain = () => {
    played ??= play(bench);
    return played;
  };
  const results: Result[] = [];
  for (const { name, title, run } of cases) {
    if (only !== undefined && !only.includes(name)) continue;
    const startedMs = performance.now();
    const verdict = await run(bench, plain);
    const result = { name, title, ...wordsOf(verdict), tookMs: Math.round(performance.now() - startedMs) };
    results.push(result);
    onResult?.(result);
  }
  return results;
}

function wordsOf(verdict: Verdict): Pick<Result, "verdict" | "why"> {
  if ("skipped" in verdict) return { verdict: "skip", why: [verdict.skipped] };
  const { problems, note } = verdict;
  if (problems.length > 0) return { verdict: "fail", why: [...new Set(problems)] };
  return { verdict: "pass", why: note === undefined ? [] : [note] };
}
