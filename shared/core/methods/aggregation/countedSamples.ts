// How many samples an update counts for: those its client really trained on, within a bound set by its peers.
import type { TrainingFacts } from "../../schemas/invocation.ts";
import type { TrainingOptions } from "../training/options.ts";
import { lowerMedian } from "./shares.ts";

/**
 * The samples that each of the updates folded together counts for, in their order: integers of at least 1.
 *
 * An update that stopped early counts for the share of its steps that were done: of n samples, n × steps ÷
 * planned steps. Then each is bounded by `maxRatio` times the median of them all, the lower one of two,
 * because what a client reports about its samples cannot be checked. So no single update outweighs `maxRatio`
 * ordinary ones, whatever it reports.
 *
 * O(updates × log updates).
 */
export function countedSamples(
  reports: readonly Pick<TrainingFacts, "samples" | "steps">[],
  training: Pick<TrainingOptions, "localEpochs" | "batchSize">,
  maxRatio: number,
): readonly number[] {
  return boundedSamples(
    reports.map((facts) => trainedSamples(facts, training)),
    maxRatio,
  );
}

/** The samples with none above `maxRatio` times the median of them all, the lower one of two. */
export function boundedSamples(samples: readonly number[], maxRatio: number): readonly number[] {
  const most = Math.max(1, Math.floor(lowerMedian(samples) * maxRatio));
  return samples.map((count) => Math.min(count, most));
}

/**
 * The local steps that each of the updates folded together counts as, in their order: at least 1. What a
 * client reports about them cannot be checked: they are no more than `maxRatio` times the median of them
 * all, and not so few that an update has more than `maxRatio` times the median of samples a step.
 *
 * @param samples that each counts for.
 */
export function countedSteps(
  reports: readonly Pick<TrainingFacts, "steps">[],
  samples: readonly number[],
  maxRatio: number,
): readonly number[] {
  const done = reports.map(({ steps }) => Math.max(1, steps));
  const most = Math.max(1, maxRatio * lowerMedian(done));
  const rate = lowerMedian(done.map((steps, i) => (samples[i] ?? 1) / steps));
  return done.map((steps, i) => Math.min(most, Math.max(steps, (samples[i] ?? 1) / (maxRatio * rate))));
}

/** The steps that `samples` samples take, the last and smaller batch of an epoch included. */
export function plannedSteps(
  samples: number,
  { localEpochs, batchSize }: Pick<TrainingOptions, "localEpochs" | "batchSize">,
): number {
  return localEpochs * Math.ceil(samples / batchSize);
}

function trainedSamples(
  { samples, steps }: Pick<TrainingFacts, "samples" | "steps">,
  training: Pick<TrainingOptions, "localEpochs" | "batchSize">,
): number {
  const share = Math.min(1, steps / plannedSteps(samples, training));
  return Math.max(1, Math.round(samples * share));
}
