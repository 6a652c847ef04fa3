// Labels with their values, one a line, aligned: one thing on one screen.
import { onOneLine } from "./output.ts";

/** What is null or undefined is left out. */
export function factLines(facts: readonly (readonly [label: string, value: unknown])[]): readonly string[] {
  const told = facts
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([label, value]) => [onOneLine(label), value] as const);
  const width = Math.max(0, ...told.map(([label]) => label.length));
  return told.map(([label, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `${label.padEnd(width)}  ${onOneLine(text)}`;
  });
}
