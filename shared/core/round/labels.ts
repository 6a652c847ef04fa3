// How many samples of each label clients have, where a run asks for it and their owners allow it: what is
// asked and kept, and how alike two of them are.

import type { Face } from "../methods/face.ts";
import { aggregationFaces } from "../methods/registry/aggregationFaces.ts";
import type { Grant } from "../schemas/protocol.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";

/** Whether the run's aggregation looks at its clients' label counts. */
export function asksLabels({ aggregation }: Pick<StoredRunSpec, "aggregation">): boolean {
  const face: Face | undefined = aggregationFaces.find(({ name }) => name === aggregation.strategy);
  return face?.asksLabels?.(aggregation) === true;
}

/** What a grant says of the label counts that its client is to report. */
export function labelsAsked(spec: StoredRunSpec): Pick<Grant, "labelCounts"> {
  return asksLabels(spec) ? { labelCounts: true } : {};
}

/** What an invocation keeps of its report: nothing that the run has not asked for, or that says nothing. */
export function labelsOfReport(
  spec: StoredRunSpec,
  labelCounts: readonly number[] | undefined,
): { readonly labelCounts?: number[] } {
  if (labelCounts === undefined || !asksLabels(spec) || totalOf(labelCounts) === 0) return {};
  return { labelCounts: [...labelCounts] };
}

/**
 * The counts with those of an update added, which are taken as shares of what the update counts for: what a
 * client reports cannot be checked, and none may outweigh all others.
 *
 * @param labelCounts of at least one sample.
 */
export function withLabels(
  known: readonly number[],
  labelCounts: readonly number[],
  samples: number,
): readonly number[] {
  const total = totalOf(labelCounts);
  return Array.from(
    { length: Math.max(known.length, labelCounts.length) },
    (_, label) => (known[label] ?? 0) + (samples * (labelCounts[label] ?? 0)) / total,
  );
}

/**
 * The Bhattacharyya coefficient of two label distributions, in [0, 1]: Σ √(p_c q_c). 1 where they are the
 * same, and where one of them is not known; 0 where they have no label in common.
 */
export function labelSimilarity(one: readonly number[], other: readonly number[]): number {
  const [total, ofOther] = [totalOf(one), totalOf(other)];
  if (total === 0 || ofOther === 0) return 1;
  const sum = one.reduce(
    (all, count, label) => all + Math.sqrt((count / total) * ((other[label] ?? 0) / ofOther)),
    0,
  );
  return Math.min(1, sum);
}

function totalOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
