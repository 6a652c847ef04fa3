// The run's spec that a scenario stands for, under one strategy and one seed.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import type { SpecProblem } from "../../../shared/core/methods/face.ts";
import { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import { combinationProblems, StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
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

type Fields = Readonly<Record<string, unknown>>;

/**
 * With `paperFaithful` the published behaviour wherever the spec knows one; otherwise the scenario's own
 * `spec` over the platform's defaults.
 *
 * @param over laid over all that. @throws FlError("invalid-argument") for a spec that the platform would
 *   refuse; only a cohort may be larger here.
 */
export function runSpecOf(scenario: Scenario, choice: RunChoice, over: Fields): StoredRunSpec {
  const { paperFaithful, level, seed } = choice;
  const said = {
    name: "simulated",
    model: { builtin: scenario.training?.model ?? "none" },
    training: trainingOf(scenario, choice, over),
    selection: { ...strategyOf(choice), cohortSize: scenario.cohortSize },
    aggregation: { staleness: { weight: "paper", maxRounds: scenario.maxStaleness } },
    round: { deadlineSeconds: scenario.deadlineSeconds, ...(paperFaithful ? { extend: false } : {}) },
    stop: { rounds: atLevel<number>(scenario.roundsAt, level, scenario.rounds) },
    seed,
  };
  return checked(merged(paperFaithful ? said : merged(said, scenario.spec), over), []);
}

/**
 * A recorded run's spec with another choice of strategy. With the strategy that it had, its options stay.
 *
 * @throws FlError("invalid-argument") for a spec that the platform would refuse, but for what it would refuse
 *   of the recorded one as well: the run was one of an earlier release.
 */
export function replayedSpec(spec: StoredRunSpec, choice: RunChoice, over: Fields): StoredRunSpec {
  const named = strategyOf(choice);
  const selection =
    named.strategy === spec.selection.strategy
      ? { ...spec.selection, ...named }
      : { ...named, cohortSize: spec.selection.cohortSize };
  return checked(merged({ ...spec, selection }, over), combinationProblems(spec));
}

/** The scenario's; with FedProx the strategy's name says how strong it is. */
function trainingOf(scenario: Scenario, { strategy }: RunChoice, over: Fields): Fields {
  const said: Fields = scenario.training?.spec ?? {};
  const named = [over["training"], scenario.spec["training"], said]
    .filter(isFields)
    .map(({ method }) => method);
  const method = named.find((name) => name !== undefined) ?? "fedprox";
  return method === "fedprox" ? { ...said, proximalMu: aliasOf(strategy)?.proximalMu ?? 0 } : said;
}

function aliasOf(name: string) {
  return Object.hasOwn(aliases, name) ? aliases[name] : undefined;
}

function strategyOf({ strategy: name, paperFaithful }: RunChoice): Fields & { readonly strategy: string } {
  const strategy = aliasOf(name)?.strategy ?? name;
  const knows = options.some(({ shape }) => shape.strategy.value === strategy && "paperFaithful" in shape);
  return { strategy, ...(knows && paperFaithful ? { paperFaithful } : {}) };
}

/** @param known what does not go together, and is taken all the same. */
function checked(spec: Fields, known: readonly SpecProblem[]): StoredRunSpec {
  const parsed = StoredRunSpec.safeParse(spec);
  if (!parsed.success) throw refusal(z.prettifyError(parsed.error));
  const lineOf = ({ path, message }: SpecProblem): string => `✖ ${message}\n  → at ${path.join(".")}`;
  const taken = new Set(known.map(lineOf));
  const lines = combinationProblems(parsed.data)
    .map(lineOf)
    .filter((line) => !taken.has(line));
  if (lines.length > 0) throw refusal(lines.join("\n"));
  return parsed.data;
}

function refusal(problems: string): FlError {
  return new FlError("invalid-argument", `That is not a valid spec:\n${problems}`);
}

/** The second over the first, object by object. */
function merged(base: Fields, over: Fields): Fields {
  const result = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const before = result.get(key);
    result.set(key, isFields(before) && isFields(value) ? merged(before, value) : value);
  }
  return Object.fromEntries(result);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
