// Drawing without replacement where some items are likelier than others.
import type { Random } from "../../random.ts";

/**
 * `count` of the items, in the order drawn: each time one of those left, with a probability in proportion to
 * its weight (Efraimidis & Spirakis, "Weighted random sampling with a reservoir", 2006, by their keys). Items
 * of weight 0 come last, as they are given. Weights are given as logarithms, so that none is too large or
 * too small. O(n log n), and one random number an item.
 *
 * @param logWeightOf finite, or -Infinity for weight 0.
 */
export function weightedSample<T>(
  items: readonly T[],
  logWeightOf: (item: T) => number,
  count: number,
  random: Random,
): T[] {
  const keyed = items.map((item) => {
    // The logarithm of an exponential variable with this rate: the smallest is drawn first.
    const drawn = Math.log(-Math.log(1 - random.next()));
    return { item, key: drawn - logWeightOf(item) };
  });
  const byKey = keyed.sort((a, b) => (a.key === b.key ? 0 : a.key - b.key));
  return byKey.slice(0, count).map(({ item }) => item);
}
