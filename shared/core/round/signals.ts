// The signals of an invocation, as its run's strategy is given them.
import type { Invocation, TrainingFacts } from "../schemas/invocation.ts";
import type { Signals } from "../schemas/signals.ts";

/** Numbers that a trainer reports are clamped to this: signals are bounded. */
const LARGEST = 1e30;

/**
 * Those that its report brought, without those that are not read. `loss-before`, `loss-after` and `samples`
 * are there for every client that trained, from each report of its training; one that brings a signal of such
 * a name itself is taken at that.
 *
 * @param read the names that the strategy reads.
 * @returns undefined where none is left.
 */
export function signalsOf(
  { signals, training }: Pick<Invocation, "signals" | "training">,
  read: readonly string[],
): Signals | undefined {
  const reported: Readonly<Record<string, number>> = { ...ofTraining(training), ...signals };
  const kept = read.flatMap((name) => {
    const value = Object.hasOwn(reported, name) ? reported[name] : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function ofTraining(training: TrainingFacts | null): Signals {
  const { lossBefore = null, lossAfter = null, samples = null } = training ?? {};
  const all = { "loss-before": lossBefore, "loss-after": lossAfter, samples };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) =>
      value === null ? [] : [[name, Math.max(-LARGEST, Math.min(LARGEST, value))]],
    ),
  );
}
