// What a call of one of the deployment's own functions has cost so far: its instance's time, the cold start
// included.
import { invocationCost } from "../core/cost/cost.ts";
import { priceTables } from "../core/cost/prices.ts";

/** What an instance has, and what it knows of its own time. */
export interface Metered {
  readonly capacity: { readonly memoryMib: number; readonly vcpu: number };
  /**
   * From the start of the process to its first request, the first time it is asked for; then null: the
   * instance is warm.
   */
  readonly takeColdStart: () => number | null;
  readonly nowMs: () => number;
}

/** Begins a call now. The function returned gives USD up to when it is called. */
export function meterCall({ capacity, takeColdStart, nowMs }: Metered): () => number {
  const startedMs = nowMs() - (takeColdStart() ?? 0);
  return () =>
    invocationCost(
      { durationMs: Math.max(0, nowMs() - startedMs), ...capacity },
      priceTables["cloud-run-2026"],
    );
}

/** Gives `coldStartMs` once, then null. */
export function coldStartOnce(coldStartMs: number): () => number | null {
  let left: number | null = coldStartMs;
  return () => {
    const taken = left;
    left = null;
    return taken;
  };
}
