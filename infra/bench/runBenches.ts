// Runs benches one after the other. A failure is reported, and the others continue.
import { inspect } from "node:util";
import { FlError } from "../../shared/core/errors.ts";
import type { Bench, BenchContext } from "./bench.ts";
import { type BenchResult, currentLoad } from "./report.ts";

export async function runBenches(
  benches: readonly Bench[],
  { show, ...context }: BenchContext,
): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const { name, run } of benches) {
    if (context.signal.aborted) break;
    const load = currentLoad();
    show(`${name} …`);
    try {
      const figures = await run({ ...context, show: (progress) => show(`  ${progress}`) });
      results.push({ bench: name, figures, load, failure: null });
    } catch (error) {
      if (context.signal.aborted) break; // Whatever it is, it is about being interrupted.
      const failure = error instanceof FlError ? error.message : inspect(error);
      results.push({ bench: name, figures: [], load, failure });
    }
  }
  return results;
}
