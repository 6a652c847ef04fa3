// What robust rules may see in the place of the updates: means of groups of them. Both ways to make groups
// are linear, so distances between the means follow from the Gram matrix of the updates, and what a mean
// counts for is shared out among its updates.
import type { Random } from "../../random.ts";
import type { Contribution, Weighing } from "./aggregationMethod.ts";
import { type Gram, squaredDistance } from "./gram.ts";

/** Groups of updates by their places; each row that the rule sees is the mean of a group. None is empty. */
export type Mixing = readonly (readonly number[])[];

/**
 * Random groups of `size`, the last one of those left over (Karimireddy, He & Jaggi 2022, algorithm 1).
 *
 * @param keys of the updates, each once: groups depend on them, and not on the order of the updates.
 */
export function bucketsOf(keys: readonly string[], size: number, random: Random): Mixing {
  const places = keys.map((key, place) => ({ key, place })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const order = random.shuffle(places).map(({ place }) => place);
  return Array.from({ length: Math.ceil(order.length / size) }, (_, i) =>
    order.slice(i * size, (i + 1) * size),
  );
}

/**
 * Of each update the n − f nearest to it, itself among them; of equally near ones the first (Allouah,
 * Farhadkhani, Guerraoui, Gupta, Pinot & Stephan 2023, algorithm 2). O(n² log n).
 */
export function nearestOf(gram: Gram, maxMalicious: number): Mixing {
  const all = Array.from({ length: gram.size }, (_, i) => i);
  return all.map((i) => {
    const distances = all.map((j) => squaredDistance(gram, i, j));
    const near = all.toSorted((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b);
    return near.slice(0, Math.max(1, gram.size - maxMalicious)).sort((a, b) => a - b);
  });
}

/** The Gram matrix of the means. O(n × the sizes of all groups). */
export function mixedGram(gram: Gram, mixing: Mixing): Gram {
  const [count, size] = [mixing.length, gram.size];
  // Of each mean with each update first, and of those with each mean.
  const half = new Float64Array(count * size);
  for (const [a, group] of mixing.entries()) {
    for (let j = 0; j < size; j++) half[a * size + j] = meanOf(group, (i) => gram.at(i, j));
  }
  const products = new Float64Array(count * count);
  for (let a = 0; a < count; a++) {
    for (const [b, group] of mixing.entries()) {
      products[a * count + b] = b > a ? 0 : meanOf(group, (j) => half[a * size + j] ?? 0);
    }
  }
  return { size: count, at: (i, j) => products[i >= j ? i * count + j : j * count + i] ?? 0 };
}

/** The means themselves, for coordinates that the updates are given for. */
export function mixedRows(rows: readonly Float32Array[], mixing: Mixing): readonly Float32Array[] {
  const length = rows[0]?.length ?? 0;
  const sums = new Float64Array(length);
  return mixing.map((group) => {
    sums.fill(0);
    for (const i of group) {
      const row = rows[i] ?? new Float32Array(length);
      for (let k = 0; k < length; k++) sums[k] = (sums[k] ?? 0) + (row[k] ?? 0);
    }
    return Float32Array.from(sums, (sum) => sum / group.length);
  });
}

/** What the means count for by samples and staleness: the means of what their updates do. */
export function mixedContributions(
  contributions: readonly Contribution[],
  mixing: Mixing,
): readonly Contribution[] {
  return mixing.map((group) => {
    const of = (value: (contribution: Contribution) => number) =>
      meanOf(group, (i) => {
        const contribution = contributions[i];
        return contribution === undefined ? 0 : value(contribution);
      });
    const samples = of((contribution) => contribution.samples);
    const weighed = of(({ samples: own, stalenessWeight }) => own * stalenessWeight);
    const clientId = contributions[group[0] ?? 0]?.clientId ?? "";
    const [staleness, steps] = [of((one) => one.staleness), of((one) => one.steps)];
    return { clientId, samples, stalenessWeight: weighed / samples, staleness, steps };
  });
}

/** What each of `count` updates counts for where the means count for so much. */
export function unmixed({ weights, scales, ...rest }: Weighing, mixing: Mixing, count: number): Weighing {
  const [shares, counted] = [new Array<number>(count).fill(0), new Array<number>(count).fill(0)];
  for (const [a, group] of mixing.entries()) {
    const share = (weights[a] ?? 0) / group.length;
    for (const i of group) {
      shares[i] = (shares[i] ?? 0) + share;
      counted[i] = (counted[i] ?? 0) + share * (scales?.[a] ?? 1);
    }
  }
  if (scales === undefined) return { ...rest, weights: shares };
  const ratio = (share: number, i: number) => (share > 0 ? Math.min(1, (counted[i] ?? 0) / share) : 1);
  return { ...rest, weights: shares, scales: shares.map(ratio) };
}

function meanOf(group: readonly number[], value: (place: number) => number): number {
  let sum = 0;
  for (const place of group) sum += value(place);
  return sum / group.length;
}
