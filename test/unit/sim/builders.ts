// Small scenarios and cells, so that a test says only what it is about.
import type { Cell } from "../../../infra/sim/cell.ts";
import { Scenario } from "../../../infra/sim/scenario/scenario.ts";
import type { Source } from "../../../infra/sim/source.ts";

/**
 * Twenty clients, five a round, whose calls all take ten seconds to the millisecond; parts are overridden.
 */
export function buildScenario(overrides: Record<string, unknown> = {}): Scenario {
  return Scenario.parse({
    description: "A test's clients.",
    clients: 20,
    cohortSize: 5,
    rounds: 4,
    deadlineSeconds: 60,
    work: { seconds: 10, clientSpread: 0, callSpread: 0 },
    coldStart: { seconds: 2 },
    stragglers: { crash: 1 },
    crash: { manner: "fails" },
    accounting: "platform",
    ...overrides,
  });
}

export function buildSource(scenario: Scenario = buildScenario()): Source {
  return {
    kind: "drawn",
    name: "test",
    scenario,
    accounting: scenario.accounting,
    timeoutSeconds: scenario.accountedTimeoutSeconds ?? scenario.deadlineSeconds,
    proximalFactor: scenario.work.proximalFactor,
    strategies: ["fedavg"],
    published: scenario.published,
  };
}

export function buildCell(overrides: Partial<Cell> = {}): Cell {
  const source = overrides.source ?? buildSource();
  return {
    source,
    strategy: "fedavg",
    paperFaithful: false,
    stragglers: 0,
    seed: 1,
    train: "off",
    accounting: source.accounting,
    spec: {},
    ...overrides,
  };
}
