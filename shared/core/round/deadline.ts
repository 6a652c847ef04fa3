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
 * @param waitSeconds until a client's function takes its call, where there are fewer instances than clients.
 */
export function adaptiveDeadline(
  predictedSeconds: readonly (number | null)[],
  { quantile, slack, minSeconds, maxSeconds }: AdaptiveDeadline,
  waitSeconds = 0,
): number {
  const awaited =
    atQuantile(
      predictedSeconds.map((seconds) => seconds ?? maxSeconds),
      quantile,
    ) ?? maxSeconds;
  return Math.min(maxSeconds, Math.max(minSeconds, (awaited + waitSeconds) * (1 + slack)));
}

/**
 * The smallest of the values that a share of them does not exceed; undefined where there is none.
 *
 * @param quantile in (0, 1]
 */
export function atQuantile(values: readonly number[], quantile: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(quantile * sorted.length - 1e-9)) - 1];
}

/**
 * Seconds that a round with this cohort waits, by its spec.
 *
 * @param queueWaitMs that its calls should wait for their functions.
 */
export function deadlineSeconds(
  spec: RoundSpec,
  selection: Pick<Selection, "considered">,
  queueWaitMs = 0,
): number {
  const { deadline } = spec;
  if (deadline === undefined || deadline.kind === "fixed") return spec.deadlineSeconds;
  const predicted = selection.considered
    .filter(({ chosen }) => chosen)
    .map(({ predictedMs }) => (predictedMs === undefined ? null : predictedMs / 1_000));
  return adaptiveDeadline(predicted, { ...deadline, maxSeconds: spec.deadlineSeconds }, queueWaitMs / 1_000);
}
