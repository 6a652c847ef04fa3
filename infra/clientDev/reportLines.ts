// A check's report for people: one line a fact, then what is wrong.
import type { CheckFacts } from "../../shared/core/schemas/check.ts";

export interface DevReport {
  readonly facts: CheckFacts | null;
  /** As the run's operator would read them. */
  readonly problems: readonly string[];
  /** Of each problem that the trial has found, all that is known: for the owner alone. */
  readonly causes: readonly string[];
}

/** What the report leaves out, for the owner's own eyes: a line for each problem that is more than that. */
export function causeLines({ problems, causes }: DevReport): string {
  const more = causes.filter((cause) => !problems.includes(cause));
  return more.map((cause) => `for you alone  ${cause}\n`).join("");
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
