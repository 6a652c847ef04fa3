// How long a round waits: a fixed time, or as long as its cohort should take.

import type { Selection } from "../methods/selection/strategy.ts";
import type { RoundSpec } from "../schemas/spec.ts";

export interface AdaptiveDeadline {
  /** Share of the cohort to wait for, in (0, 1]. */
  readonly quantile: number;
  /** Share of that client's predicted time to wait on top, at least 0. */
  readonly slack: number;
  /** Bounds of the answer, inclusive; the upper one wins. */
  readonly minSeconds: number;
  readonly maxSeconds: number;
}

/**
 * Seconds in which the given share of the cohort should have answered. Clients without a prediction are taken
 * to need `maxSeconds`, so a round of unknown clients waits as long as it may.
 *
 * @param predictedSeconds of each client of the cohort, in any order; null where nothing is predicted.
 */
export function adaptiveDeadline(
  predictedSeconds: readonly (number | null)[],
  { quantile, slack, minSeconds, maxSeconds }: AdaptiveDeadline,
): number {
  const sorted = predictedSeconds.map((seconds) => seconds ?? maxSeconds).sort((a, b) => a - b);
  const awaited = sorted[Math.max(1, Math.ceil(quantile * sorted.length - 1e-9)) - 1] ?? maxSeconds;
  return Math.min(maxSeconds, Math.max(minSeconds, awaited * (1 + slack)));
}

/** Seconds that a round with this cohort waits, by its spec. */
export function deadlineSeconds(spec: RoundSpec, selection: Pick<Selection, "considered">): number {
  const { deadline } = spec;
  if (deadline === undefined || deadline.kind === "fixed") return spec.deadlineSeconds;
  const predicted = selection.considered
    .filter(({ chosen }) => chosen)
    .map(({ predictedMs }) => (predictedMs === undefined ? null : predictedMs / 1_000));
  return adaptiveDeadline(predicted, { ...deadline, maxSeconds: spec.deadlineSeconds });
}
