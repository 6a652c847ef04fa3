// What came of the benches: a table for people, and the same as JSON with what it was measured on.
import { availableParallelism, cpus, loadavg, platform, release } from "node:os";
import Table from "cli-table3";
import { type Figure, meetsAim } from "./bench.ts";

export interface BenchResult {
  readonly bench: string;
  readonly figures: readonly Figure[];
  /** Of the machine over the minute before it began. Other work beside a bench makes it slower. */
  readonly load: number;
  /** Why it could not be measured; then there are no figures. */
  readonly failure: string | null;
}

/** What every figure depends on. */
function machine() {
  return {
    node: process.version,
    os: `${platform()} ${release()}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
  };
}

export function currentLoad(): number {
  return loadavg()[0] ?? 0;
}

export function resultTable(results: readonly BenchResult[]): string {
  const table = new Table({
    head: ["bench", "figure", "value", "unit", "aim", "", "note"],
    colAligns: ["left", "left", "right", "left", "left", "left", "left"],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    colWidths: [null, 38, null, null, null, null, 46],
  });
  for (const { bench, figures, failure } of results) {
    if (failure !== null) table.push([bench, "failed", "", "", "", "", failure]);
    for (const [index, figure] of figures.entries()) {
      const { name, value, unit, note = "" } = figure;
      table.push([index === 0 ? bench : "", name, number(value), unit, aim(figure), verdict(figure), note]);
    }
  }
  const { node, cpu, cores } = machine();
  const loads = results.map(({ bench, load }) => `${bench} ${load.toFixed(1)}`).join(", ");
  return `${table.toString()}\nNode ${node}, ${cores} cores of ${cpu}. Load before each: ${loads}.`;
}

export function resultJson(results: readonly BenchResult[], now: Date): string {
  return `${JSON.stringify({ measuredAt: now.toISOString(), machine: machine(), results }, null, 2)}\n`;
}

/** Three digits that count. */
function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3)));
}

function aim({ aim }: Figure): string {
  if (aim === undefined) return "";
  return "most" in aim ? `≤ ${number(aim.most)}` : `≥ ${number(aim.least)}`;
}

function verdict(figure: Figure): string {
  const meets = meetsAim(figure);
  return meets === null ? "" : meets ? "ok" : "missed";
}
