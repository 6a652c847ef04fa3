// A check's report for people: one line a fact, then what is wrong.
import type { CheckFacts } from "../../shared/core/schemas/check.ts";

export interface DevReport {
  readonly facts: CheckFacts | null;
  /** As the run's operator would read them. */
  readonly problems: readonly string[];
}

export function reportLines({ facts, problems }: DevReport): string {
  const lines = Object.entries(facts ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [`${name.padEnd(14)} ${textOf(value)}`],
  );
  const wrong = problems.map((problem) => `problem        ${problem}`);
  return [...lines, ...(wrong.length === 0 ? ["nothing is wrong"] : wrong), ""].join("\n");
}

function textOf(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toFixed(3)));
  return typeof value === "string" ? value : JSON.stringify(value);
}
