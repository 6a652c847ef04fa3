// Where a simulation's clients come from: a scenario's population, or a recorded run.
import type { StoredRunSpec } from "../../shared/core/schemas/spec.ts";
import type { AccountingName } from "./accounting/accounting.ts";
import { drawPopulation } from "./population/drawPopulation.ts";
import type { Population } from "./population/population.ts";
import { readRecording } from "./replay/readRecording.ts";
import type { Recording } from "./replay/recording.ts";
import { referenceOf } from "./replay/reference.ts";
import { replayPopulation } from "./replay/replayPopulation.ts";
import { loadScenario } from "./scenario/loadScenario.ts";
import { type RunChoice, replayedSpec, runSpecOf } from "./scenario/runSpec.ts";
import type { Published, Scenario } from "./scenario/scenario.ts";

interface Common {
  /** As rows name it. */
  readonly name: string;
  readonly accounting: AccountingName;
  /** What a round with a failure lasts in published accounting. */
  readonly timeoutSeconds: number;
  /** How much longer a call is with a proximal term. */
  readonly proximalFactor: number;
  /** What is simulated unless something else is asked for. */
  readonly strategies: readonly string[];
  readonly published?: Published | undefined;
}

/** Plain data, so that it can be sent to a thread. */
export type Source = Common &
  (
    | { readonly kind: "drawn"; readonly scenario: Scenario }
    | { readonly kind: "recorded"; readonly recording: Recording }
  );

/** @throws as `loadScenario`. */
export async function loadSource(name: string): Promise<Source> {
  const scenario = await loadScenario(name);
  return {
    kind: "drawn",
    name,
    scenario,
    accounting: scenario.accounting,
    timeoutSeconds: scenario.accountedTimeoutSeconds ?? scenario.deadlineSeconds,
    proximalFactor: scenario.work.proximalFactor,
    strategies: ["fedavg", "fedlesscan"],
    published: scenario.published,
  };
}

/** @throws as `readRecording`. */
export async function recordedSource(file: string): Promise<Source> {
  const recording = await readRecording(file);
  const { runId, spec } = recording.run;
  return {
    kind: "recorded",
    name: runId,
    recording,
    accounting: "platform",
    timeoutSeconds: spec.round.deadlineSeconds,
    proximalFactor: 1,
    strategies: [spec.selection.strategy],
    published: referenceOf(recording),
  };
}

export function populationOf(source: Source, level: number, seed: number): Population {
  return source.kind === "drawn"
    ? drawPopulation(source.scenario, level, seed)
    : replayPopulation(source.recording, seed);
}

/**
 * @param over laid over the spec last. @throws FlError("invalid-argument") for a spec the platform would
 *   refuse.
 */
export function specOf(
  source: Source,
  choice: RunChoice,
  over: Readonly<Record<string, unknown>>,
): StoredRunSpec {
  return source.kind === "drawn"
    ? runSpecOf(source.scenario, choice, over)
    : replayedSpec(source.recording.run.spec, choice, over);
}
