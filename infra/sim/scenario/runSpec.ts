// The run's spec that a scenario stands for, under one strategy and one seed.
import { z } from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { SelectionOptions } from "../../../shared/core/selection/options.ts";
import { atLevel, type Scenario } from "./scenario.ts";

/** Names of the literature for what is a strategy and a few options here. */
const aliases: Readonly<Record<string, { readonly strategy: string; readonly proximalMu: number }>> = {
  fedavg: { strategy: "random", proximalMu: 0 },
  fedprox: { strategy: "random", proximalMu: 0.001 },
};

const options = SelectionOptions.options;

/** Every name that `--strategy` takes. */
export function strategyNames(): readonly string[] {
  return [...Object.keys(aliases), ...options.map(({ shape }) => shape.strategy.value)];
}

export interface RunChoice {
  readonly strategy: string;
  readonly paperFaithful: boolean;
  readonly level: number;
  readonly seed: number;
}

/**
 * Both of the published behaviours that a run may have, where its spec knows them; otherwise the scenario's own `spec` over
 * the defaults.
 *
 * @throws FlError("invalid-argument") for a spec that the platform would refuse; a cohort may be larger here.
 */
export function runSpecOf(
  scenario: Scenario,
  { strategy, paperFaithful, level, seed }: RunChoice,
): StoredRunSpec {
  const { strategy: selection, proximalMu } = aliases[strategy] ?? { strategy, proximalMu: 0 };
  const faithful = paperFaithful ? { paperFaithful: true } : {};
  const knowsPaper = options.some(
    ({ shape }) => shape.strategy.value === selection && "paperFaithful" in shape,
  );
  const said = {
    name: "simulated",
    model: { builtin: scenario.training?.model ?? "none" },
    training: { ...scenario.training?.spec, proximalMu },
    selection: {
      strategy: selection,
      cohortSize: scenario.cohortSize,
      ...(knowsPaper ? faithful : {}),
    },
    aggregation: { staleness: { weight: "paper", maxRounds: scenario.maxStaleness } },
    round: { deadlineSeconds: scenario.deadlineSeconds },
    stop: { rounds: atLevel(scenario.roundsAt, level, scenario.rounds) },
    seed,
  };
  const parsed = StoredRunSpec.safeParse(paperFaithful ? said : merged(said, scenario.spec));
  if (parsed.success) return parsed.data;
  throw new FlError(
    "invalid-argument",
    `The scenario is no spec of a run:\n${z.prettifyError(parsed.error)}`,
  );
}

type Fields = Readonly<Record<string, unknown>>;

/** The second over the first, object by object. */
function merged(base: Fields, over: Fields): Fields {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = base[key];
    result[key] = isFields(before) && isFields(value) ? merged(before, value) : value;
  }
  return result;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
