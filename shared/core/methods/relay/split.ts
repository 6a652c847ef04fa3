// Parts of a list that differ by one in size at most.

/**
 * The items in their order, in as few parts as none is larger than `most`. O(n).
 *
 * @param most at least 1.
 */
export function inParts<T>(items: readonly T[], most: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / most);
  return Array.from({ length: count }, (_, i) =>
    items.slice(Math.floor((i * items.length) / count), Math.floor(((i + 1) * items.length) / count)),
  );
}
