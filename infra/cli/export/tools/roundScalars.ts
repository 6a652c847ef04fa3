// What a round came to, as numbers by name: the curves that tools for experiments draw.
import type { Round } from "../../../../shared/core/schemas/round.ts";
import { federatedOf, metricsOf } from "../tables/metrics.ts";
import type { Scalar } from "./eventFile.ts";

/** Of a round that is over; without what is not known. */
export function roundScalars(round: Round, costSoFarUsd: number): readonly Scalar[] {
  const { wallMs, aggregateMs, evaluateMs, trainingMs } = round.timings;
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1_000);
  const scalars: readonly (readonly [tag: string, value: number | null])[] = [
    ...Object.entries(metricsOf(round)).map(([name, value]) => [`score/${name}`, value] as const),
    ...federatedOf(round).flatMap(([name, { mean, worstDecile = null, spread }]) => [
      [`federated/${name}/mean`, mean] as const,
      [`federated/${name}/worstDecile`, worstDecile] as const,
      [`federated/${name}/spread`, spread] as const,
    ]),
    ["round/eur", round.eur],
    ["round/inTime", round.counts.inTime],
    ["round/late", round.counts.late],
    ["round/missed", round.counts.missed],
    ["round/coldStarts", round.counts.coldStarts],
    ["round/costUsd", round.costUsd],
    ["round/seconds", seconds(wallMs)],
    ["round/trainingSeconds", seconds(trainingMs)],
    ["round/aggregateSeconds", seconds(aggregateMs)],
    ["round/evaluateSeconds", seconds(evaluateMs)],
    ["total/costUsd", costSoFarUsd],
  ];
  return scalars.flatMap(([tag, value]) =>
    value === null || !Number.isFinite(value) ? [] : [{ tag, value }],
  );
}
