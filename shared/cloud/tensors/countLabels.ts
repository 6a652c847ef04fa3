// Counts how many of a client's samples have each label, for runs that ask for it where the owner allows it.
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import type { Random } from "../../core/random.ts";

/** Samples that are read at a time of what does not fit into memory. */
const BATCH = 1_024;

/**
 * The number of samples (of positions, where each has a label) of each class, by class number. Undefined
 * where targets are not class numbers, and where there are more classes than `most`.
 *
 * O(samples); a stream is read once.
 */
export async function countLabels(
  data: Dataset | DataStream,
  most: number,
  random: Random,
): Promise<number[] | undefined> {
  const counts: number[] = [];
  if (!("batches" in data)) return add(counts, data, most) ? counts : undefined;
  for await (const batch of data.batches(BATCH, random)) if (!add(counts, batch, most)) return undefined;
  return counts;
}

function add(counts: number[], { y }: Dataset, most: number): boolean {
  for (const label of y.values) {
    if (!Number.isInteger(label) || label < 0 || label >= most) return false;
    while (counts.length <= label) counts.push(0);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return true;
}
