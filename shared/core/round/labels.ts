// How many samples of each label clients have, where a run asks for it and their owners allow it: what is
// asked and kept, and how alike two of them are.

import type { Face } from "../methods/face.ts";
import { aggregationFaces } from "../methods/registry/aggregationFaces.ts";
import { relayFaces } from "../methods/registry/relayFaces.ts";
import type { Grant } from "../schemas/protocol.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";

/** Whether the run's aggregation, or its relay, looks at its clients' label counts. */
export function asksLabels({
  aggregation,
  round = {},
}: Pick<StoredRunSpec, "aggregation"> & {
  readonly round?: Pick<StoredRunSpec["round"], "relay">;
}): boolean {
  const { relay } = round;
  const face: Face | undefined = aggregationFaces.find(({ name }) => name === aggregation.strategy);
  const ofRelay: Face | undefined = relayFaces.find(({ name }) => name === relay?.strategy);
  if (relay !== undefined && ofRelay?.asksLabels?.(relay) === true) return true;
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

/** Labels that the roster keeps shares of; class numbers from here on count as their remainder. */
const LABELS_KEPT = 100;

/** What a share of 1 is kept as; below 256, so that two hexadecimal digits do. */
const WHOLE = 255;

/**
 * The shares of labels as the roster keeps them of hundreds of clients in a document: two hexadecimal digits
 * for each label, 255 being all of the samples.
 *
 * @param labelCounts of at least one sample.
 */
export function keptShares(labelCounts: readonly number[]): string {
  const total = totalOf(labelCounts);
  const counts = Array.from({ length: Math.min(LABELS_KEPT, labelCounts.length) }, () => 0);
  for (const [label, count] of labelCounts.entries()) {
    counts[label % LABELS_KEPT] = (counts[label % LABELS_KEPT] ?? 0) + count;
  }
  return counts
    .map((count) => Math.round((WHOLE * count) / total))
    .map((share) => share.toString(16).padStart(2, "0"))
    .join("");
}

/** The shares of labels that were kept, summing to 1; null where rounding has left nothing of them. */
export function sharesOf(kept: string): readonly number[] | null {
  const parts = Array.from({ length: kept.length / 2 }, (_, label) =>
    Number.parseInt(kept.slice(2 * label, 2 * label + 2), 16),
  );
  const total = totalOf(parts);
  return total === 0 ? null : parts.map((part) => part / total);
}

function totalOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
